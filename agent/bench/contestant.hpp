// What is compared: plain veth, xdp-mesh as it is and in its variants, and other implementations.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/ctl/bench_options.hpp"

namespace xm::bench {

inline const std::string kPlainName{kBenchPlainName};
inline const std::string kOwnName{kBenchOwnName};
inline constexpr const char* kWireguardGoName = "wireguard-go";

enum class ContestantKind : std::uint8_t {
  plain,    // no tunnel
  own,      // xdp-mesh with its defaults
  variant,  // xdp-mesh with one option: measured on few rows
  peer,     // another implementation
};

struct Contestant {
  std::string name;
  ContestantKind kind = ContestantKind::peer;
  // How one end is started; a word may hold %i for the interface. Empty for plain veth.
  std::vector<std::string> command;
  std::string version{};  // as the program says; empty where nobody asked it
  std::string details{};  // of our own agent: its AEAD engine and I/O backend
};

// What a machine has that decides who takes part.
struct Machinery {
  std::vector<std::string> aead_kinds;   // that this build and CPU can run
  std::string own_help;                  // text of `xdp-mesh --help`
  std::vector<std::string> found_peers;  // of known_peers(), those on the PATH
};

// The name of the variant that is attached in this mode and receives by this path.
[[nodiscard]] std::string attached_name(std::string_view mode, std::string_view receive_path);

// Implementations that are looked for on the PATH.
[[nodiscard]] std::vector<std::string> known_peers();

// The field in order, plain veth first, and what is to be said about who is missing.
struct Field {
  std::vector<Contestant> contestants;
  std::vector<std::string> notes;
};
[[nodiscard]] Field choose_field(const BenchOptions& options, const Machinery& machinery);

// The command with %i replaced; the interface is its last word if no word has %i.
[[nodiscard]] std::vector<std::string> command_for(const Contestant& contestant,
                                                   const std::string& interface);

}  // namespace xm::bench
