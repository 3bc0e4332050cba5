// One interface's XDP program, loaded into the kernel, with the maps that are its own: xm_config,
// xm_local, xm_xsks, xm_queues, xm_stats (include/xdpmesh/abi.h). It is on no interface until an
// Attachment puts it there, and passes everything until config().abi_version is XM_ABI_VERSION.
//
// Ownership: the object owns the descriptors and the mapped memory; pins and an interface keep
// program and maps alive beyond it. Thread: the control thread; a worker writes the heartbeats of
// its own queues.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <span>
#include <string>

#include "loader/map_memory.hpp"
#include "loader/shared_maps.hpp"
#include "loader/steer_object.hpp"
#include "xdpmesh/abi.h"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/fd.hpp"
#include "xdpmesh/result.hpp"

struct bpf_map;

namespace xm {

class SteerProgram {
 public:
  // Packets and bytes by xm_verdict, summed over all processors.
  using Verdicts = std::array<xm_stat, XM_VERDICT_COUNT>;

  // The maps of an interface's own.
  struct OwnMaps {
    Fd config, local, xsks, queues, stats;
  };

  // Passes the object that is linked in through the kernel's verifier, with fresh maps of its own
  // beside the shared ones. Needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON (the verifier's
  // leave to subtract pointers); the error names what is missing. `frags`: accepts packets of
  // several buffers, which some drivers demand at a large MTU; the program sees the first buffer.
  [[nodiscard]] static Result<SteerProgram> load(const SharedMaps& shared, bool frags = false);

  // The same with another agent's maps; the caller has seen to it that they have these types and
  // sizes (Pins::own_maps). They are emptied, but for the statistics: nothing is redirected.
  [[nodiscard]] static Result<SteerProgram> load_over(const SharedMaps& shared, OwnMaps maps,
                                                      bool frags = false);

  // Borrowed: valid as long as this object, also after it has been moved.
  [[nodiscard]] xm_config& config() { return config_memory_.values().front(); }
  [[nodiscard]] std::span<xm_queue> queues() const { return queue_memory_.values(); }

  // `queue` < XM_MAX_QUEUES; `fd` is a bound AF_XDP socket, which the map does not keep alive.
  [[nodiscard]] Status set_socket(std::uint32_t queue, int fd);
  // That there is none is no error.
  [[nodiscard]] Status clear_socket(std::uint32_t queue);

  // Makes xm_local hold exactly these, by the differences. More than XM_MAX_LOCAL is E2BIG: as
  // many as fit are in it then, and packets to the others pass.
  [[nodiscard]] Status set_locals(std::span<const IpAddress> addresses);

  [[nodiscard]] Result<Verdicts> verdicts() const;

  [[nodiscard]] std::uint32_t id() const { return id_; }
  // The kernel's digest of the instructions, 16 hexadecimal digits.
  [[nodiscard]] const std::string& tag() const { return tag_; }
  // Borrowed.
  [[nodiscard]] int program_fd() const;
  [[nodiscard]] const steer& object() const { return *object_; }

 private:
  explicit SteerProgram(SteerObject object) : object_(std::move(object)) {}
  [[nodiscard]] static Result<SteerProgram> load_object(SteerObject object,
                                                        const SharedMaps& shared, bool frags);
  [[nodiscard]] Status identify();
  [[nodiscard]] Status empty();

  SteerObject object_;
  MapMemory<xm_config> config_memory_;
  MapMemory<xm_queue> queue_memory_;
  std::set<std::array<std::uint8_t, 16>> locals_;
  std::uint32_t id_ = 0;
  std::string tag_;
};

// The key of xm_local: network byte order, IPv4 as ::ffff:a.b.c.d.
[[nodiscard]] xm_address to_xm_address(const IpAddress& address);

}  // namespace xm
