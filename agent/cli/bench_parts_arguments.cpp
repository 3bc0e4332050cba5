#include "agent/cli/bench_parts_arguments.hpp"

#include <vector>

#include "agent/cli/aead_words.hpp"
#include "agent/path/handoff.hpp"

namespace xm {
namespace {

constexpr const char* kJsonHelp =
    "Write the figures as JSON too; `-`: to standard\noutput, instead of the table";

std::vector<std::string> stage_names() {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kPathStages; ++i) {
    names.emplace_back(path_stage_name(static_cast<PathStage>(i)));
  }
  return names;
}

std::vector<std::string> load_names() {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kReceiveLoads; ++i) {
    names.emplace_back(receive_load_name(static_cast<ReceiveLoad>(i)));
  }
  return names;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// The checks without their texts in the help, where the description says it better.
CLI::Validator range(std::uint32_t least, std::uint32_t most) {
  return CLI::Range(least, most).description("");
}
CLI::Validator one_of(const std::vector<std::string>& names) {
  return CLI::IsMember(names).description("");
}

}  // namespace

BenchPartsArguments::BenchPartsArguments(CLI::App& bench)
    : aead_app_(bench.add_subcommand("aead", "Compare the AEAD engines by packet size")),
      path_app_(bench.add_subcommand(
          "path", "Run the receiving and the sending walk without a\nkernel, by stage")),
      receive_app_(bench.add_subcommand(
          "receive",
          "Compare the receive paths, AF_XDP and socket, over\nveth, without encryption")) {
  aead_app_->add_option("--sizes", aead_.sizes, "Bytes, 1 to 65000 (default: 64,256,576,1024,1424)")
      ->type_name("N,...")
      ->delimiter(',')
      ->check(range(1, 65'000));
  aead_app_->add_option("--batch", aead_.batch, "Packets a call, 1 to 512 (default: 32)")
      ->type_name("N")
      ->check(range(1, 512));
  aead_app_
      ->add_option("--milliseconds", aead_.milliseconds,
                   "For each engine, size and direction, 1 to 60000\n(default: 100)")
      ->type_name("N")
      ->check(range(1, 60'000));
  aead_app_->add_option("--json", aead_.json, kJsonHelp)->type_name("FILE");

  path_app_
      ->add_option("--packets", path_.packets,
                   "Through each walk of each workload (default: 200000)")
      ->type_name("N")
      ->check(range(1, 100'000'000));
  path_app_
      ->add_option("--size", size_,
                   "UDP packets of one flow with so many bytes, 1 to\n"
                   "1392, instead of the workloads")
      ->type_name("BYTES")
      ->check(range(1, kMaxBenchPayload));
  path_app_
      ->add_option("--stage", stage_,
                   "Only this one: a whole walk or one of its stages;\n" + joined(stage_names()))
      ->type_name("NAME")
      ->check(one_of(stage_names()));
  path_app_
      ->add_option("--helpers", path_.helpers,
                   "Threads that share the sealing and opening, as with\n"
                   "--handoff on, 0 to 3 (default: 0)")
      ->type_name("N")
      ->check(range(0, static_cast<std::uint32_t>(HandoffEngine::kMostHelpers)));
  path_app_->add_option("--aead", path_engine_, "The engine (default: auto, measured)")
      ->type_name("ENGINE")
      ->check(one_of(aead_words()));
  path_app_
      ->add_option("--peers", peers_,
                   "Show instead what so many peers cost, 1 to 1000000:\n"
                   "memory, look-ups, timers")
      ->type_name("N")
      ->check(range(1, 1'000'000));
  path_app_->add_option("--json", path_.json, kJsonHelp)->type_name("FILE");

  receive_app_
      ->add_option("--milliseconds", receive_.milliseconds,
                   "For each measurement, 100 to 60000 (default: 1000)")
      ->type_name("N")
      ->check(range(100, 60'000));
  receive_app_
      ->add_option("--rounds", receive_.rounds, "Of all measurements, 1 to 100 (default: 5)")
      ->type_name("N")
      ->check(range(1, 100));
  receive_app_
      ->add_option("--size", receive_.size,
                   "Bytes of UDP payload inside the tunnel, 1 to 1392\n(default: 512)")
      ->type_name("BYTES")
      ->check(range(1, kMaxBenchPayload));
  receive_app_
      ->add_option("--loads", loads_,
                   "Only these, separated by commas:\nsteady_150 steady_400 saturated\n"
                   "unknown_index wrong_mac1")
      ->type_name("NAME,...")
      ->delimiter(',')
      ->check(one_of(load_names()));
  receive_app_->add_option("--gro", gro_, "Only with the receiver's NAPI GRO on, or off")
      ->type_name("on|off")
      ->check(one_of({"on", "off"}));
  receive_app_
      ->add_option("--moderation", receive_.moderation_microseconds,
                   "Hold back the receiver's wake-ups as a network card\ndoes its interrupts, 1 to "
                   "1000 (default: not)")
      ->type_name("US")
      ->check(range(1, 1000));
  receive_app_
      ->add_option("--busy-poll", receive_.busy_poll_microseconds,
                   "Of the AF_XDP socket, as with attach, 1 to 1000\n(default: off)")
      ->type_name("US")
      ->check(range(1, 1000));
  receive_app_->add_option("--json", receive_.json, kJsonHelp)->type_name("FILE");
}

bool BenchPartsArguments::parsed_aead() const {
  return aead_app_->parsed();
}

bool BenchPartsArguments::parsed_path() const {
  return path_app_->parsed();
}

bool BenchPartsArguments::parsed_receive() const {
  return receive_app_->parsed();
}

PathBenchOptions BenchPartsArguments::path() const {
  PathBenchOptions path = path_;
  if (size_ != 0) path.size = size_;
  if (peers_ != 0) path.peers = peers_;
  path.stage = parse_path_stage(stage_);
  path.aead = parse_aead_name(path_engine_);
  return path;
}

ReceiveBenchOptions BenchPartsArguments::receive() const {
  ReceiveBenchOptions receive = receive_;
  for (const std::string& name : loads_) {
    if (const auto load = parse_receive_load(name)) receive.loads.push_back(*load);
  }
  if (!gro_.empty()) receive.gro = gro_ == "on";
  return receive;
}

}  // namespace xm
