// How Attachment::attach() goes about it. Inside loader/ only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "loader/attach_report.hpp"
#include "loader/attachment.hpp"
#include "loader/bpffs.hpp"
#include "loader/interface_lock.hpp"
#include "loader/pins.hpp"
#include "loader/placement.hpp"
#include "loader/steer_program.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// What an Attachment holds. `program`, `placement` and `lock` are there once it is complete.
struct AttachmentState {
  Places places;
  std::string interface;
  std::uint32_t ifindex = 0;
  std::optional<InterfaceLock> lock;
  std::optional<Bpffs> bpffs;
  std::optional<Pins> pins;  // none without a bpffs
  std::optional<SteerProgram> program;
  std::optional<Placement> placement;
  AttachReport report;
};

// The steps of attach(), in order. What they found is in `state_`; every one returns at the first
// thing that rules attaching out.
class Attacher {
 public:
  // All borrowed for the life of this object.
  Attacher(const SharedMaps& shared, const AttachOptions& options, AttachReport& report)
      : shared_(shared),
        options_(options),
        report_(report),
        state_(std::make_unique<AttachmentState>()) {}

  [[nodiscard]] Status run() {
    if (auto claimed = claim(); !claimed) return claimed;
    if (auto looked = look_around(); !looked) return looked;
    if (auto loaded = load(); !loaded) return loaded;
    if (auto put = adopt_or_place(); !put) return put;
    return keep();
  }
  [[nodiscard]] std::unique_ptr<AttachmentState> take_state() { return std::move(state_); }

 private:
  [[nodiscard]] Status claim();
  [[nodiscard]] Status look_around();
  [[nodiscard]] Status load();
  [[nodiscard]] Status adopt_or_place();
  [[nodiscard]] Status place_anew();
  [[nodiscard]] Status keep();

  [[nodiscard]] Status settle_pins();
  [[nodiscard]] bool wanted(AttachVia via, AttachMode mode) const;
  [[nodiscard]] bool try_ways(const std::vector<AttachVia>& ways, AttachMode mode);
  [[nodiscard]] bool try_frags(const std::vector<AttachVia>& ways);
  void use(SteerProgram program);
  [[nodiscard]] bool uses_our_maps(const Placement& placement) const;
  [[nodiscard]] std::optional<std::string> why_no_dispatcher() const;
  [[nodiscard]] Error foreign(const AttachedProgram& program) const;

  const SharedMaps& shared_;
  const AttachOptions& options_;
  AttachReport& report_;
  std::unique_ptr<AttachmentState> state_;
  std::optional<Placement> predecessor_;
  std::optional<AttachedProgram> other_dispatcher_;
  bool no_native_xdp_ = false;  // the driver says so: the last way was answered EOPNOTSUPP
};

}  // namespace xm
