#include "agent/bench/frame_feeder.hpp"

#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "agent/bench/figure.hpp"
#include "agent/bench/thread_cpu.hpp"
#include "agent/wire/checksum.hpp"
#include "loader/live_frames.hpp"
#include "xdpmesh/clock.hpp"

namespace xm::bench {
namespace {

// Given in one call, which takes new pages for as many as are in a batch: fewer would make the
// pages dear, more would let the socket's buffer overflow.
constexpr std::uint32_t kBatch = 256;  // the kernel's most
constexpr std::uint32_t kCall = 2 * kBatch;

constexpr std::uint8_t kTimeToLive = 64;

}  // namespace

Result<std::unique_ptr<FrameFeeder>> FrameFeeder::start(FrameFeed feed) {
  std::unique_ptr<FrameFeeder> made(new FrameFeeder(std::move(feed)));
  if (Status given = made->give(1); !given) return given.error();
  made->thread_ = std::thread([feeder = made.get()] { feeder->run(); });
  made->thread_id_.wait(0);
  if (Status bound = bind_thread(made->thread(), made->feed_.cpu); !bound) return bound.error();
  return made;
}

FrameFeeder::~FrameFeeder() {
  stopping_.store(true, std::memory_order_relaxed);
  if (thread_.joinable()) thread_.join();
}

void FrameFeeder::run() {
  // A call has to begin when it is due, not up to 50 us later.
  ::prctl(PR_SET_TIMERSLACK, 1UL);
  thread_id_.store(::gettid());
  thread_id_.notify_one();
  const Duration period(std::int64_t{kCall} * 1'000'000'000 /
                        static_cast<std::int64_t>(feed_.rate));
  std::int64_t due = stopwatch_nanoseconds();
  while (!stopping_.load(std::memory_order_relaxed)) {
    if (give(kCall)) given_.fetch_add(kCall, std::memory_order_relaxed);
    const std::int64_t now = stopwatch_nanoseconds();
    due = std::max(due + period.count(), now);
    std::this_thread::sleep_for(Duration(due - now));
  }
}

Status FrameFeeder::give(std::uint32_t count) const {
  return run_on_live_frames(feed_.program, feed_.interface_index, feed_.frame, count);
}

std::vector<std::uint8_t> udp_frame(std::span<const std::uint8_t, 6> mac, const Endpoint& from,
                                    const Endpoint& to, Bytes payload) {
  ether_header ethernet{};
  std::copy(mac.begin(), mac.end(), ethernet.ether_dhost);
  ethernet.ether_shost[0] = 0x02;  // locally administered
  ethernet.ether_type = htons(ETHERTYPE_IP);
  udphdr udp{};
  udp.uh_sport = htons(from.port);
  udp.uh_dport = htons(to.port);
  udp.uh_ulen = htons(static_cast<std::uint16_t>(sizeof udp + payload.size()));
  iphdr ip{};
  ip.version = 4;
  ip.ihl = sizeof ip / 4;
  ip.tot_len = htons(static_cast<std::uint16_t>(sizeof ip + sizeof udp + payload.size()));
  ip.ttl = kTimeToLive;
  ip.protocol = IPPROTO_UDP;
  std::memcpy(&ip.saddr, from.address.octets.data(), sizeof ip.saddr);
  std::memcpy(&ip.daddr, to.address.octets.data(), sizeof ip.daddr);

  std::vector<std::uint8_t> frame(sizeof ethernet + sizeof ip + sizeof udp + payload.size());
  std::uint8_t* at = frame.data();
  const auto put = [&](const void* part, std::size_t size) {
    std::memcpy(at, part, size);
    at += size;
  };
  put(&ethernet, sizeof ethernet);
  std::uint8_t* const header = at;
  put(&ip, sizeof ip);
  checksum_store(header + offsetof(iphdr, check), checksum_header(header, sizeof ip));
  put(&udp, sizeof udp);
  put(payload.data(), payload.size());
  return frame;
}

}  // namespace xm::bench
