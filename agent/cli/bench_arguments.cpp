#include "agent/cli/bench_arguments.hpp"

#include <algorithm>
#include <utility>

#include "agent/crypto/aead.hpp"

namespace xm {
namespace {

constexpr const char* kFooter =
    "Makes two network namespaces that nobody else sees, joined by veth, and runs in them,\n"
    "one after the other and round after round: plain veth, this xdp-mesh, wireguard-go and\n"
    "boringtun-cli where they are on the PATH, and every --peer; then this xdp-mesh with each\n"
    "AEAD engine and I/O backend. Prints medians with their spread and the ratios that the\n"
    "project aims at. Needs root, /dev/net/tun and iperf3; leaves nothing behind, also after\n"
    "Ctrl-C.\n"
    "\n"
    "Rows: rtt (idle), tcp1 and tcp8 (streams; with r: from b to a), rtt-load (beside a TCP\n"
    "stream), udp64 and udp1300 (floods from one sender), rss, rss1000 (with 1,000 peers).\n"
    "\n"
    "Examples:\n"
    "  xdp-mesh bench --quick\n"
    "  xdp-mesh bench --json bench.json --svg bench.svg\n"
    "  xdp-mesh bench --peer 'newer=/opt/go/wireguard-go -f' --rows tcp1,udp64\n"
    "\n"
    "Exit status: 0 success, 1 failure, 2 wrong use, 130 interrupted (what was measured until\n"
    "then is printed).";

// A word's check without its text in the help, which says it better.
CLI::Validator one_of(const std::vector<std::string>& words) {
  return CLI::IsMember(words).description("");
}

// The same for engines, of which agent/crypto knows the names.
std::string aead_fault(const std::string& word) {
  if (word == "none" || parse_aead_name(word)) return {};
  return "'" + word + "' is no AEAD engine: expected a list of engines, or none";
}

Result<BenchPeer> parse_peer(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 ||
      text.find_first_not_of(' ', equals + 1) == std::string::npos) {
    return Error{"--peer: expected NAME=COMMAND, got '" + text + "'"};
  }
  return BenchPeer{text.substr(0, equals), text.substr(equals + 1)};
}

// None of them by the word "none", which stands alone.
Result<std::vector<std::string>> parse_list(const std::string& option,
                                            std::vector<std::string> words) {
  if (std::find(words.begin(), words.end(), "none") == words.end()) return words;
  if (words.size() > 1) return Error{option + ": expected none or a list, got both"};
  return std::vector<std::string>{};
}

}  // namespace

void BenchArguments::add_to(CLI::App& app) {
  app.footer(kFooter);
  app.add_option("--rounds", options_.rounds, "Rounds, 1 to 1000 (default: 5)")
      ->type_name("N")
      ->check(CLI::Range(1U, 1000U).description(""));
  app.add_option("--seconds", options_.seconds, "Length of a row, 1 to 600 (default: 3)")
      ->type_name("S")
      ->check(CLI::Range(1U, 600U).description(""));
  app.add_flag("--quick", quick_,
               "One round of a second a row, without the engines\n"
               "and backends one by one; options win over it");
  const auto list = [&](const char* name, std::vector<std::string>& into, const char* text) {
    return app.add_option(name, into, text)
        ->type_name("LIST")
        ->delimiter(',')
        ->allow_extra_args(false);
  };
  app.add_option("--peer", peers_,
                 "Another implementation: COMMAND is started with the\n"
                 "interface's name as its last word, or in the place\n"
                 "of %i; may be given more than once")
      ->type_name("NAME=COMMAND")
      ->allow_extra_args(false);
  list("--only", options_.only,
       "Contestants by name (default: all); plain veth\n"
       "is always there");
  list("--rows", options_.rows, "Rows to run (default: all)")
      ->check(one_of({kBenchRows.begin(), kBenchRows.end()}));
  list("--aead", aead_, "Engines to measure one by one (default: all),\nor none")
      ->check(CLI::Validator(aead_fault, ""));
  std::vector<std::string> backends(kBenchIoBackends.begin(), kBenchIoBackends.end());
  backends.emplace_back("none");
  list("--io", io_, "I/O backends to measure one by one (default: all),\nor none")
      ->check(one_of(backends));
  std::vector<std::string> modes(kBenchAttachModes.begin(), kBenchAttachModes.end());
  modes.emplace_back("none");
  list("--attach", attach_,
       "Measure attached to the veth pair by XDP too, with\n"
       "each receive path: native, generic (default: none)")
      ->check(one_of(modes));
  app.add_option("--json", options_.json_path, "Write every sample to FILE")->type_name("FILE");
  app.add_option("--svg", options_.svg_path, "Draw a bar chart into FILE")->type_name("FILE");
}

Result<BenchOptions> BenchArguments::take(const CLI::App& app) const {
  BenchOptions options = options_;
  for (const std::string& text : peers_) {
    auto peer = parse_peer(text);
    if (!peer) return peer.error();
    const bool taken =
        peer->name == kBenchOwnName || peer->name == kBenchPlainName ||
        std::any_of(options.peers.begin(), options.peers.end(),
                    [&](const BenchPeer& other) { return other.name == peer->name; });
    if (taken) return Error{"--peer: expected a name of its own, '" + peer->name + "' is taken"};
    options.peers.push_back(std::move(peer).value());
  }
  if (quick_) {
    if (app.count("--rounds") == 0) options.rounds = 1;
    if (app.count("--seconds") == 0) options.seconds = 1;
    options.aead.emplace();
    options.io.emplace();
  }
  const auto set = [&](const std::string& name, const std::vector<std::string>& words,
                       std::optional<std::vector<std::string>>& into) -> Status {
    if (app.count(name) == 0) return {};
    auto parsed = parse_list(name, words);
    if (!parsed) return parsed.error();
    into = std::move(parsed).value();
    return {};
  };
  if (auto done = set("--aead", aead_, options.aead); !done) return done.error();
  if (auto done = set("--io", io_, options.io); !done) return done.error();
  std::optional<std::vector<std::string>> modes;
  if (auto done = set("--attach", attach_, modes); !done) return done.error();
  options.attach = std::move(modes).value_or(std::vector<std::string>{});
  return options;
}

}  // namespace xm
