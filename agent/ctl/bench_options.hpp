// What the command line asks of `xdp-mesh bench`: agent/cli fills it, agent/bench reads it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xm {

// The rows by which `--rows` selects, in the order in which they are run.
inline constexpr std::array<std::string_view, 10> kBenchRows{
    "rtt", "tcp1", "tcp1r", "tcp8", "tcp8r", "rtt-load", "udp64", "udp1300", "rss", "rss1000"};

// Names that no --peer can take.
inline constexpr std::string_view kBenchPlainName = "plain veth";
inline constexpr std::string_view kBenchOwnName = "xdp-mesh";

// The I/O backends that are measured one by one, where the agent has the option.
inline constexpr std::array<std::string_view, 2> kBenchIoBackends{"uring", "syscall"};

// The modes in which the agent is measured attached to the lab's interfaces, and its receive paths
// in each.
inline constexpr std::array<std::string_view, 2> kBenchAttachModes{"native", "generic"};
inline constexpr std::array<std::string_view, 3> kBenchReceivePaths{"auto", "xdp", "socket"};

// Another implementation: started as COMMAND INTERFACE, or with %i replaced where it occurs.
struct BenchPeer {
  std::string name;
  std::string command;  // words, separated by spaces
};

struct BenchOptions {
  std::uint32_t rounds = 5;
  std::uint32_t seconds = 3;  // a row
  std::vector<BenchPeer> peers;
  std::vector<std::string> only;  // names of contestants besides plain veth; empty: all
  std::vector<std::string> rows;  // of kBenchRows; empty: all
  // The agent's own engines and backends to measure one by one; none: all that are there.
  std::optional<std::vector<std::string>> aead;
  std::optional<std::vector<std::string>> io;
  std::vector<std::string> attach;  // of kBenchAttachModes; empty: not attached at all
  std::string json_path;            // empty: not written
  std::string svg_path;             // empty: not written
};

}  // namespace xm
