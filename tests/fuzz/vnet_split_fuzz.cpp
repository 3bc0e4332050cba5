// A virtio header and any packet: every segment of an accepted plan fits where it says it does, is
// an IP packet of its length, and the payloads together are those of the packet.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "agent/path/split.hpp"
#include "agent/wire/ip.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

constexpr std::size_t kMostSegments = 300;  // enough to see, little enough to be quick

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  xm::VnetHeader vnet;
  if (size < sizeof vnet) return 0;
  std::memcpy(&vnet, data, sizeof vnet);
  const std::vector<std::uint8_t> packet(data + sizeof vnet, data + size);
  xm::SplitPlan plan;
  if (!xm::split_plan(vnet, packet, plan)) return 0;
  require(plan.segment_count >= 1);
  require(plan.header_length + plan.payload_length <= packet.size());
  std::size_t payload = 0;
  for (std::size_t i = 0; i < std::min<std::size_t>(plan.segment_count, kMostSegments); ++i) {
    std::vector<std::uint8_t> out(plan.segment_length(i));
    require(xm::write_segment(plan, packet, i, out.data()) == out.size());
    if (plan.kind == xm::SplitPlan::Kind::tcp || plan.kind == xm::SplitPlan::Kind::udp) {
      require(xm::inner_length(out) == out.size());
      require(
          std::equal(out.begin() + plan.header_length, out.end(),
                     packet.begin() + plan.header_length + static_cast<std::ptrdiff_t>(payload)));
    }
    payload += out.size() - plan.header_length;
  }
  if (plan.segment_count <= kMostSegments) require(payload == plan.payload_length);
  return 0;
}
