#include "agent/bench/contestant.hpp"

#include <algorithm>
#include <array>
#include <sstream>

#include "agent/bench/lab.hpp"

namespace xm::bench {
namespace {

// This very program, whatever lies at its path by now.
constexpr const char* kOwnProgram = "/proc/self/exe";

struct KnownPeer {
  const char* program;
  std::vector<std::string> command;
  const char* hint;  // where it comes from
};

const std::vector<KnownPeer>& peers() {
  static const std::vector<KnownPeer> kPeers{
      {kWireguardGoName, {"wireguard-go", "-f", "%i"}, "Debian: apt install wireguard-go"},
      {"boringtun-cli",
       {"boringtun-cli", "-f", "%i"},
       "not in Debian; cargo install boringtun-cli"},
  };
  return kPeers;
}

bool contains(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  std::istringstream all(text);
  for (std::string word; all >> word;) words.push_back(word);
  return words;
}

void add_variants(Field& field, const std::string& option, const std::vector<std::string>& values) {
  const std::string with = kOwnName + " " + option + " ";
  for (const std::string& value : values) {
    field.contestants.push_back(
        {with + value, ContestantKind::variant, {kOwnProgram, "-f", option, value, "%i"}});
  }
}

// Both ends are attached: each receives what the other sends.
void add_attached(Field& field, const std::vector<std::string>& modes) {
  for (const std::string& mode : modes) {
    for (const std::string_view path : kBenchReceivePaths) {
      const std::string attach =
          std::string(kLabInterface) + ",mode=" + mode + ",rx=" + std::string(path);
      field.contestants.push_back({attached_name(mode, path),
                                   ContestantKind::variant,
                                   {kOwnProgram, "-f", "--attach", attach, "%i"}});
    }
  }
}

void add_own(Field& field, const BenchOptions& options, const Machinery& machinery) {
  field.contestants.push_back({kOwnName, ContestantKind::own, {kOwnProgram, "-f", "%i"}});
  std::vector<std::string> engines;
  for (const std::string& engine : options.aead.value_or(machinery.aead_kinds)) {
    if (contains(machinery.aead_kinds, engine)) {
      engines.push_back(engine);
    } else {
      field.notes.push_back("--aead " + engine + ": this build or CPU cannot run it: left out");
    }
  }
  add_variants(field, "--aead", engines);
  add_attached(field, options.attach);
  const std::vector<std::string> backends(kBenchIoBackends.begin(), kBenchIoBackends.end());
  if (machinery.own_help.find("--io ") != std::string::npos) {
    add_variants(field, "--io", options.io.value_or(backends));
  } else if (options.io && !options.io->empty()) {
    field.notes.emplace_back("--io: this build has one I/O backend only: left out");
  }
}

void add_peers(Field& field, const BenchOptions& options, const Machinery& machinery) {
  for (const KnownPeer& peer : peers()) {
    const bool replaced =
        std::any_of(options.peers.begin(), options.peers.end(),
                    [&](const BenchPeer& named) { return named.name == peer.program; });
    if (replaced) continue;
    if (contains(machinery.found_peers, peer.program)) {
      field.contestants.push_back({peer.program, ContestantKind::peer, peer.command});
    } else {
      field.notes.push_back(std::string(peer.program) + ": not found: left out (" + peer.hint +
                            ")");
    }
  }
  for (const BenchPeer& peer : options.peers) {
    field.contestants.push_back({peer.name, ContestantKind::peer, words_of(peer.command)});
  }
}

// --only: a variant is also chosen by its program's name.
void keep_only(Field& field, const std::vector<std::string>& only) {
  if (only.empty()) return;
  std::erase_if(field.contestants, [&](const Contestant& contestant) {
    const bool chosen = contestant.kind == ContestantKind::plain ||
                        contains(only, contestant.name) ||
                        (contestant.kind == ContestantKind::variant && contains(only, kOwnName));
    return !chosen;
  });
  std::erase_if(field.notes, [&](const std::string& note) {
    return note.find(": not found") != std::string::npos &&
           !contains(only, note.substr(0, note.find(':')));
  });
  for (const std::string& name : only) {
    const bool known = std::any_of(field.contestants.begin(), field.contestants.end(),
                                   [&](const Contestant& one) { return one.name == name; });
    const bool noted =
        std::any_of(field.notes.begin(), field.notes.end(),
                    [&](const std::string& note) { return note.starts_with(name + ":"); });
    if (!known && !noted) {
      field.notes.push_back("--only " + name + ": there is no such contestant: left out");
    }
  }
}

}  // namespace

std::string attached_name(std::string_view mode, std::string_view receive_path) {
  return kOwnName + " --attach " + std::string(mode) + ",rx=" + std::string(receive_path);
}

std::vector<std::string> known_peers() {
  std::vector<std::string> names;
  for (const KnownPeer& peer : peers()) names.emplace_back(peer.program);
  return names;
}

Field choose_field(const BenchOptions& options, const Machinery& machinery) {
  Field field;
  field.contestants.push_back({kPlainName, ContestantKind::plain, {}});
  add_own(field, options, machinery);
  add_peers(field, options, machinery);
  // Whoever runs all rows first: what is compared most is then measured close together.
  std::stable_partition(field.contestants.begin(), field.contestants.end(),
                        [](const Contestant& one) { return one.kind != ContestantKind::variant; });
  keep_only(field, options.only);
  return field;
}

std::vector<std::string> command_for(const Contestant& contestant, const std::string& interface) {
  std::vector<std::string> command = contestant.command;
  bool replaced = false;
  for (std::string& word : command) {
    for (std::size_t at = word.find("%i"); at != std::string::npos;
         at = word.find("%i", at + interface.size())) {
      word.replace(at, 2, interface);
      replaced = true;
    }
  }
  if (!replaced) command.push_back(interface);
  return command;
}

}  // namespace xm::bench
