// `xdp-mesh bench receive`: what receiving costs by AF_XDP and by a UDP socket, packets arriving
// one by one over veth, through the whole receiving walk but for decryption and the TUN device.
//
// The receiving host's NAPI thread and worker have one processor for themselves, so that interrupt
// work is counted with the rest; the sender has another. The XDP program is on the interface in
// either case: it decides which way a packet goes.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "agent/bench/figure.hpp"
#include "agent/ctl/bench_parts_options.hpp"

namespace xm {

// Nothing of it is delivered.
[[nodiscard]] constexpr bool is_flood(ReceiveLoad load) {
  return load == ReceiveLoad::unknown_index || load == ReceiveLoad::wrong_mac1;
}

// How packets get to the XDP program.
enum class Arrival : std::uint8_t {
  veth,         // from the sender, NAPI GRO off
  veth_joined,  // with NAPI GRO on, for those that it passes
  frames,       // floods only: without veth and sender, as a card's driver would give them
};
[[nodiscard]] std::string_view arrival_name(Arrival arrival);

// One load that arrives in one way, received by both.
struct ReceiveRow {
  struct Way {
    // Of processor a packet that was delivered; of a flood: that reached the XDP program.
    Figure nanoseconds;
    Figure napi_nanoseconds;  // the NAPI thread's part of it
    Figure rate;              // packets delivered a second
    Figure offered;           // packets sent a second
    Figure batch;             // packets that were delivered together
  };
  ReceiveLoad load = ReceiveLoad::steady_150;
  Arrival arrival = Arrival::veth;
  Way socket;
  Way xdp;
  // Of a flood: the time of a packet that an XDP program drops without looking at it.
  Figure floor;

  // Of a saturated load: of rates; of the others: of the time. AF_XDP to socket.
  [[nodiscard]] double ratio() const;
  // What the project has set itself for the ratio (design: performance targets).
  [[nodiscard]] double bound() const;
  [[nodiscard]] bool bound_is_least() const { return load == ReceiveLoad::saturated; }
  [[nodiscard]] bool met() const {
    return bound_is_least() ? ratio() >= bound() : ratio() <= bound();
  }
};

struct ReceiveReport {
  std::uint32_t size = 0;          // bytes of UDP payload inside the tunnel
  std::uint32_t milliseconds = 0;  // a measurement
  std::uint32_t rounds = 0;        // that were finished
  std::uint32_t moderation_microseconds = 0;
  std::uint32_t busy_poll_microseconds = 0;
  bool interrupted = false;
  std::string no_frames;  // why none could be given; empty: they could, or were not wanted
  std::vector<ReceiveRow> rows;
};

[[nodiscard]] std::string receive_report_text(const ReceiveReport& report);
[[nodiscard]] std::string receive_report_json(const ReceiveReport& report);

// Measures and prints; returns the exit code. Needs root and two processors. Moves the calling
// thread to a network namespace.
[[nodiscard]] int bench_receive(const ReceiveBenchOptions& options, std::FILE* out, std::FILE* err);

}  // namespace xm
