// What the command line asks of `bench aead`, `bench path` and `bench receive`: agent/cli fills it,
// agent/bench reads it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
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

struct ReceiveBenchOptions {
  std::uint32_t milliseconds = 1000;  // a measurement
  std::uint32_t rounds = 5;
  std::uint32_t size = 512;  // bytes of UDP payload inside the tunnel, at most kMaxBenchPayload
  std::string json;          // as above
};

}  // namespace xm
