// Whether a driver takes its link down when a program or sockets come to an interface or leave it:
// many set up their queues anew then, and packets that arrive meanwhile are lost.
#pragma once

#include <cstdint>
#include <optional>

#include "loader/attach_report.hpp"

namespace xm {

struct CarrierState {
  bool up = false;
  std::uint32_t losses = 0;  // since the interface was made (IFLA_CARRIER_DOWN_COUNT)
};

class CarrierSource {
 public:
  virtual ~CarrierSource() = default;
  // Nothing when the kernel does not tell: before Linux 4.16, or the interface is gone.
  [[nodiscard]] virtual std::optional<CarrierState> look(std::uint32_t ifindex) const = 0;
};

// Of the calling thread's network namespace, by rtnetlink(7).
class KernelCarrier final : public CarrierSource {
 public:
  [[nodiscard]] std::optional<CarrierState> look(std::uint32_t ifindex) const override;
};

// Looks when it is made, and again when it is asked.
class LinkReset {
 public:
  // `source` outlives it.
  LinkReset(const CarrierSource& source, std::uint32_t ifindex)
      : source_(source), ifindex_(ifindex), before_(source.look(ifindex)) {}

  // What became of the link since; nothing where that is not known, or it was down from the start.
  [[nodiscard]] std::optional<AttachStep> step() const;

 private:
  const CarrierSource& source_;
  std::uint32_t ifindex_;
  std::optional<CarrierState> before_;
};

}  // namespace xm
