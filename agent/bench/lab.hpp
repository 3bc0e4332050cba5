// Two hosts: network namespaces that nothing but descriptors holds, joined by a veth pair.
//
//   host a: u0 192.0.2.1/24 ---- veth ---- u0 192.0.2.2/24 :host b
//
// Made inside the containment (containment.hpp); gone with the descriptors and the processes
// inside.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "agent/bench/interrupts.hpp"
#include "xdpmesh/fd.hpp"
#include "xdpmesh/result.hpp"

namespace xm::bench {

enum class End : std::uint8_t { a, b };
inline constexpr std::array<End, 2> kEnds{End::a, End::b};

[[nodiscard]] constexpr std::size_t index_of(End end) {
  return static_cast<std::size_t>(end);
}
[[nodiscard]] constexpr End other(End end) {
  return end == End::a ? End::b : End::a;
}

// Of u0.
// The name of the veth pair's both ends.
inline constexpr const char* kLabInterface = "u0";
inline constexpr std::array<const char*, 2> kOuterAddress{"192.0.2.1", "192.0.2.2"};

class Lab {
 public:
  // `interrupts` outlives the lab.
  [[nodiscard]] static Result<Lab> make(Interrupts& interrupts);

  // Lent for setns.
  [[nodiscard]] int network_namespace(End end) const { return hosts_[index_of(end)].get(); }

  // ip(8) on one host.
  [[nodiscard]] Status ip(End end, std::vector<std::string> arguments) const;

  // The processes that run on a host.
  [[nodiscard]] std::vector<pid_t> processes(End end) const;

  [[nodiscard]] Interrupts& interrupts() const { return *interrupts_; }

 private:
  explicit Lab(Interrupts& interrupts) : interrupts_(&interrupts) {}

  Interrupts* interrupts_;
  std::array<Fd, 2> hosts_;
};

}  // namespace xm::bench
