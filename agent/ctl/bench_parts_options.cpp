#include "agent/ctl/bench_parts_options.hpp"

#include <array>

namespace xm {
namespace {

constexpr std::array<std::string_view, kPathStages> kStageNames{
    "tx",       "read",    "route",  "split",  "encrypt",  "batch",  "rx",
    "classify", "decrypt", "replay", "source", "coalesce", "deliver"};

constexpr std::array<std::string_view, kReceiveLoads> kLoadNames{
    "steady_150", "steady_400", "saturated", "unknown_index", "wrong_mac1"};

}  // namespace

std::string_view path_stage_name(PathStage stage) {
  return kStageNames[static_cast<std::size_t>(stage)];
}

std::optional<PathStage> parse_path_stage(std::string_view name) {
  for (std::size_t i = 0; i < kStageNames.size(); ++i) {
    if (name == kStageNames[i]) return static_cast<PathStage>(i);
  }
  return std::nullopt;
}

std::string_view receive_load_name(ReceiveLoad load) {
  return kLoadNames[static_cast<std::size_t>(load)];
}

std::optional<ReceiveLoad> parse_receive_load(std::string_view name) {
  for (std::size_t i = 0; i < kLoadNames.size(); ++i) {
    if (name == kLoadNames[i]) return static_cast<ReceiveLoad>(i);
  }
  return std::nullopt;
}

}  // namespace xm
