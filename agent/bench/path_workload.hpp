// What `bench path` sends through the walks: inner packets of one kind of traffic, the same in
// every run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace xm {

// The inner addresses: all packets go from the one to the other.
inline constexpr std::uint32_t kBenchSource = 0x0a4d0001;       // 10.77.0.1
inline constexpr std::uint32_t kBenchDestination = 0x0a4d0002;  // 10.77.0.2

struct PathWorkload {
  using Packet = std::vector<std::uint8_t>;

  std::string name;
  std::string about;
  // One batch as the TUN device hands it over, virtio headers in front.
  std::vector<Packet> reads;
  // The same batch as it travels: what `reads` split into.
  std::vector<Packet> segments;
};

// Bulk TCP in super-packets, 64 B UDP of one flow, acknowledgements of 16 flows, 1300 B UDP; or,
// with `size`, UDP of that payload (at most kMaxBenchPayload) alone.
[[nodiscard]] std::vector<PathWorkload> path_workloads(std::optional<std::uint32_t> size);

}  // namespace xm
