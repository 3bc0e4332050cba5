#include "agent/bench/peers_bench.hpp"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "agent/bench/parts_report.hpp"
#include "agent/bench/path_world.hpp"
#include "agent/peer/engine.hpp"
#include "agent/peer/keypairs.hpp"

namespace xm {
namespace {

constexpr int kRounds = 20;
constexpr std::size_t kLookupsARound = 10'000;
constexpr Instant kStart{3'600'000'000'000};

PeersReport::Memory memory_now() {
  const struct mallinfo2 heap = mallinfo2();
  std::uint64_t pages = 0;
  std::uint64_t resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return {.heap = heap.uordblks + heap.hblkhd,
          .resident = resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE))};
}

PeersReport::Memory growth(const PeersReport::Memory& before, const PeersReport::Memory& after) {
  return {.heap = after.heap - std::min(before.heap, after.heap),
          .resident = after.resident - std::min(before.resident, after.resident)};
}

// 10.0.0.0/8 and fd77::/32, one host of each a peer.
IpAddress v4_of(std::uint32_t peer) {
  std::array<std::uint8_t, 4> bytes{};
  store_be32(bytes.data(), 0x0a000000 + peer);
  return IpAddress::v4(bytes.data());
}
IpAddress v6_of(std::uint32_t peer) {
  std::array<std::uint8_t, 16> bytes{0xfd, 0x77};
  store_be32(&bytes[12], peer);
  return IpAddress::v6(bytes.data());
}

InterfaceChange configuration(std::uint32_t peers, Random& random) {
  InterfaceChange change;
  change.private_key.emplace();
  random.fill(change.private_key->expose_mutable());
  change.peers.resize(peers);
  for (std::uint32_t i = 0; i < peers; ++i) {
    PeerChange& peer = change.peers[i];
    random.fill(peer.public_key);
    peer.endpoint = Endpoint{.address = v4_of(i), .port = 51820, .scope = 0};
    peer.add_allowed_ips = {Prefix::of(v4_of(i), 32), Prefix::of(v6_of(i), 128)};
  }
  return change;
}

// The time of one look-up: `find` gets numbers below `peers` in random order, and answers whether
// it found the right one. Samples are means over a round.
template <typename Find>
Figure time_lookups(std::uint32_t peers, Find find) {
  std::mt19937 random(2);  // NOLINT(cert-msc51-cpp): the same order in every run
  std::vector<std::uint32_t> order(kLookupsARound);
  for (std::uint32_t& each : order) each = static_cast<std::uint32_t>(random() % peers);
  std::vector<double> samples;
  std::size_t found = 0;
  for (int round = 0; round < kRounds; ++round) {
    const std::int64_t start = stopwatch_nanoseconds();
    for (const std::uint32_t each : order) found += find(each) ? 1 : 0;
    samples.push_back(static_cast<double>(stopwatch_nanoseconds() - start) / kLookupsARound);
  }
  // A table that does not find what is in it has no speed.
  return found == kRounds * kLookupsARound ? figure_of(samples) : Figure{};
}

class ConfiguredPeers {
 public:
  explicit ConfiguredPeers(std::uint32_t peers) : count_(peers) {}

  void add_all(PeersReport& report) {
    const PeersReport::Memory before = memory_now();
    {
      InterfaceChange change = configuration(count_, random_);
      const std::int64_t start = stopwatch_nanoseconds();
      const Status applied = engine_.apply(std::move(change), {kStart, {}});
      if (!applied.ok()) return;  // there is nothing to refuse
      report.apply = figure_of({static_cast<double>(stopwatch_nanoseconds() - start) / count_});
    }
    (void)engine_.take_actions();
    report.configured = growth(before, memory_now());
    engine_.set_interface_up(true, {kStart, {}});
    engine_.for_each_peer([&](Peer& peer) { peers_.push_back(&peer); });
  }

  void look_up(PeersReport& report) const {
    const AllowedIps& table = *engine_.allowed_ips().load();
    report.route_v4 = time_lookups(count_, [&](std::uint32_t i) {
      return table.find_v4(v4_of(i).octets.data()) == peers_[i];
    });
    report.route_v6 = time_lookups(count_, [&](std::uint32_t i) {
      return table.find_v6(v6_of(i).octets.data()) == peers_[i];
    });
  }

  // All peers have traffic, so that their timers are armed and nothing is due when they are looked
  // at: what a loaded hub pays every ten seconds.
  void run_timers(PeersReport& report) {
    std::vector<double> busy;
    std::vector<double> idle;
    Moment at{kStart, {}};
    for (Peer* const peer : peers_) {
      if (peer->activity.data_sent(at.now)) {
        engine_.on_event({peer->id, PeerEventKind::arm_timers, 0, {}}, at);
      }
    }
    for (int round = 0; round < kRounds; ++round) {
      at.now = at.now + 5s;
      for (Peer* const peer : peers_) {
        peer->activity.received(at.now);
        (void)peer->activity.data_sent(at.now);
      }
      const std::int64_t start = stopwatch_nanoseconds();
      engine_.on_timers(at);  // half way: nobody is due
      idle.push_back(static_cast<double>(stopwatch_nanoseconds() - start));
      at.now = at.now + 5s;
      const std::int64_t again = stopwatch_nanoseconds();
      engine_.on_timers(at);
      busy.push_back(static_cast<double>(stopwatch_nanoseconds() - again) / count_);
    }
    // Timers that had something to do would have wanted handshakes.
    if (!engine_.take_actions().empty()) return;
    report.timer = figure_of(busy);
    report.idle_tick = figure_of(idle);
  }

 private:
  const std::uint32_t count_;
  BenchRandom random_;
  Grace grace_{1};
  DropCounters drops_;
  Engine engine_{grace_, random_, drops_};
  std::vector<Peer*> peers_;
};

// A session for each of so many peers, in an index table.
class SessionsOfPeers {
 public:
  explicit SessionsOfPeers(std::uint32_t peers) : indices_(grace_) {
    peers_.reserve(peers);
    keypairs_.reserve(peers);
    for (std::uint32_t i = 0; i < peers; ++i) {
      peers_.push_back(std::make_unique<Peer>(i + 1));
      keypairs_.push_back(std::make_unique<Keypairs>(*peers_.back(), indices_, grace_));
    }
  }

  void add_all(PeersReport& report) {
    std::vector<std::uint32_t> index;
    index.reserve(peers_.size());
    const PeersReport::Memory before = memory_now();
    for (std::size_t i = 0; i < peers_.size(); ++i) {
      TransportKeys keys;
      keys.local_index = indices_.reserve(random_, peers_[i]->id);
      keys.is_initiator = true;
      index.push_back(keys.local_index);
      keypairs_[i]->add_initiated(std::move(keys), kStart, true);
    }
    (void)grace_.reclaim();  // of the index tables that were too small
    report.sessions = growth(before, memory_now());
    report.process_resident = memory_now().resident;
    report.index = time_lookups(static_cast<std::uint32_t>(peers_.size()), [&](std::uint32_t i) {
      const PeerSession* const session = indices_.find(index[i]);
      return session != nullptr && &session->peer == peers_[i].get();
    });
  }

 private:
  BenchRandom random_;
  Grace grace_{1};
  IndexTable indices_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<std::unique_ptr<Keypairs>> keypairs_;
};

}  // namespace

PeersReport measure_peers(std::uint32_t peers) {
  PeersReport report;
  report.peers = peers;
  report.peer_size = sizeof(Peer);
  report.record_size = sizeof(PeerRecord);
  report.session_size = sizeof(PeerSession);
  ConfiguredPeers configured(peers);
  configured.add_all(report);
  SessionsOfPeers sessions(peers);
  sessions.add_all(report);
  configured.look_up(report);
  configured.run_timers(report);
  return report;
}

std::string peers_report_text(const PeersReport& report) {
  const auto each = [&](std::uint64_t bytes) {
    return std::to_string(bytes / report.peers) + " B";
  };
  const auto row = [](const std::string& what, const std::string& figure) {
    return "  " + pad_right(what, 42) + figure + "\n";
  };
  const auto memory = [&](const PeersReport::Memory& of) {
    return each(of.heap) + " of heap, " + each(of.resident) + " resident";
  };
  return std::to_string(report.peers) + " peers\n" +
         row("each: record, shared part, session", std::to_string(report.record_size) + " B, " +
                                                       std::to_string(report.peer_size) + " B, " +
                                                       std::to_string(report.session_size) + " B") +
         row("each configured, with two prefixes", memory(report.configured)) +
         row("each session", memory(report.sessions)) +
         row("the whole process",
             decimal(static_cast<double>(report.process_resident) / 1e6, 1) + " MB resident") +
         row("adding one, ns", figure_text(report.apply)) +
         row("receiver index to session, ns", figure_text(report.index)) +
         row("IPv4 address to peer, ns", figure_text(report.route_v4)) +
         row("IPv6 address to peer, ns", figure_text(report.route_v6)) +
         row("timers, ns for a peer that is looked at", figure_text(report.timer)) +
         row("timers, ns for a look when nothing is due", figure_text(report.idle_tick));
}

int bench_peers(const PathBenchOptions& options, std::FILE* out, std::FILE* err) {
  const PeersReport report = measure_peers(options.peers.value_or(1));
  return print_report(
      peers_report_text(report), [&] { return peers_report_json(report); }, options.json, out, err);
}

}  // namespace xm
