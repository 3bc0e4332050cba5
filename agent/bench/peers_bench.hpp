// `xdp-mesh bench path --peers N`: what many peers cost, in memory, in look-ups and in timers.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "agent/bench/figure.hpp"
#include "agent/ctl/bench_parts_options.hpp"

namespace xm {

struct PeersReport {
  struct Memory {
    std::uint64_t heap = 0;      // bytes that the allocator handed out for all peers
    std::uint64_t resident = 0;  // by how much the process grew
  };
  std::uint32_t peers = 0;
  // Bytes of what every peer has: the part that packets look at, the rest, and a session.
  std::uint64_t peer_size = 0;
  std::uint64_t record_size = 0;
  std::uint64_t session_size = 0;

  Memory configured;                   // an IPv4 and an IPv6 prefix each, an endpoint, no session
  Memory sessions;                     // one each, on top
  std::uint64_t process_resident = 0;  // with all of them

  Figure apply;     // ns a peer, of one change that adds them all
  Figure index;     // ns for one receiver index, in random order
  Figure route_v4;  // ns for one address, in random order
  Figure route_v6;
  Figure timer;      // ns for one peer whose timers are looked at, all being armed
  Figure idle_tick;  // ns for a look at the timers when nothing is due
};

[[nodiscard]] PeersReport measure_peers(std::uint32_t peers);

[[nodiscard]] std::string peers_report_text(const PeersReport& report);
[[nodiscard]] std::string peers_report_json(const PeersReport& report);

// Measures options.peers peers and prints; returns the exit code.
[[nodiscard]] int bench_peers(const PathBenchOptions& options, std::FILE* out, std::FILE* err);

}  // namespace xm
