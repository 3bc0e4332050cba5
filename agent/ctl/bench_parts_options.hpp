// What the command line asks of `bench aead`, `bench path` and `bench receive`: agent/cli fills it,
// agent/bench reads it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/crypto/aead.hpp"

namespace xm {

struct AeadBenchOptions {
  std::vector<std::uint32_t> sizes{64, 256, 576, 1024, 1424};  // bytes of plaintext
  std::uint32_t batch = 32;                                    // packets a call
  std::uint32_t milliseconds = 100;  // for each engine at each size and in each direction
  std::string json;                  // a file, "-": stdout instead of the table; empty: none
};

// The whole walks and their stages: the names that --stage takes are those of path_stage_name().
enum class PathStage : std::uint8_t {
  tx,  // Tx::run()
  read,
  route,
  split,
  encrypt,
  batch,
  rx,  // Rx::run()
  classify,
  decrypt,
  replay,
  source,
  coalesce,
  deliver,
};
inline constexpr std::size_t kPathStages = 13;

[[nodiscard]] std::string_view path_stage_name(PathStage stage);
[[nodiscard]] std::optional<PathStage> parse_path_stage(std::string_view name);

// The UDP payload that an MTU of 1420 takes over IPv4.
inline constexpr std::uint32_t kMaxBenchPayload = 1392;

struct PathBenchOptions {
  std::uint32_t packets = 200'000;     // through each walk, of each workload
  std::optional<std::uint32_t> size;   // UDP packets of this payload instead of the workloads
  std::optional<PathStage> stage;      // only this one
  std::optional<AeadKind> aead;        // none: measured
  std::uint32_t helpers = 0;           // threads that share the batches' AEAD
  std::optional<std::uint32_t> peers;  // what so many peers cost, instead of the walks
  std::string json;                    // as above
};

// What comes in, packets one by one.
enum class ReceiveLoad : std::uint8_t {
  steady_150,  // data, thousands of packets a second
  steady_400,
  saturated,      // data, as many as the sender can
  unknown_index,  // 400,000 a second whose receiver index nobody knows
  wrong_mac1,     // 400,000 handshake initiations a second for somebody else's key
};
inline constexpr std::size_t kReceiveLoads = 5;

// "steady_150", and so on.
[[nodiscard]] std::string_view receive_load_name(ReceiveLoad load);
[[nodiscard]] std::optional<ReceiveLoad> parse_receive_load(std::string_view name);

struct ReceiveBenchOptions {
  std::vector<ReceiveLoad> loads;  // empty: all
  // As a network card holds back its interrupts: the kernel looks at the receiver's interface again
  // after so long instead of being woken by each packet. 0: a packet, a wake-up.
  std::uint32_t moderation_microseconds = 0;
  std::uint32_t busy_poll_microseconds = 0;  // of the AF_XDP socket; 0: off
  std::optional<bool> gro;                   // the receiver's NAPI GRO; none: off, then on
  std::uint32_t milliseconds = 1000;         // a measurement
  std::uint32_t rounds = 5;
  std::uint32_t size = 512;  // bytes of UDP payload inside the tunnel, at most kMaxBenchPayload
  std::string json;          // as above
};

}  // namespace xm
