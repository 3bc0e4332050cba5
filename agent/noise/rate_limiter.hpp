// How many handshake messages a source address may cost us: a token bucket of 20 a second with
// bursts of 5 per IPv4 address or IPv6 /64 (kernel ratelimiter.c).
//
// Asked after mac2 has shown that the source is no forgery, so that nobody can spend another's
// tokens. One owner, no clock is read, no allocation after construction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "agent/crypto/random.hpp"
#include "agent/crypto/secret.hpp"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/clock.hpp"

namespace xm {

inline constexpr std::int64_t kHandshakesPerSecond = 20;
inline constexpr std::int64_t kHandshakeBurst = 5;

class RateLimiter {
 public:
  static constexpr std::size_t kDefaultCapacity = 8192;

  // `random` keys the table's hash, during the call only. `capacity` is the number of sources
  // remembered at once, about 50 bytes each.
  explicit RateLimiter(Random& random, std::size_t capacity = kDefaultCapacity);

  // Takes a token of `source`. False, to be counted as XM_DROP_handshake_rate_limited: it has none
  // left, or it is new while the table is full of sources seen within the last second.
  [[nodiscard]] bool allow(const IpAddress& source, Instant now);

  // How many sources are remembered: those of the last second or two.
  [[nodiscard]] std::size_t sources() const { return used_; }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  struct Entry {
    std::uint64_t network = 0;  // IPv4 address or the upper half of an IPv6 address
    IpAddress::Family family = IpAddress::Family::none;
    std::uint32_t next = kNone;  // in its bucket, or in the free list
    Duration tokens{};           // time saved up; a message costs 1/20 s
    Instant last;
  };

  [[nodiscard]] std::uint32_t& bucket_of(IpAddress::Family family, std::uint64_t network);
  [[nodiscard]] Entry* find(std::uint32_t bucket, IpAddress::Family family, std::uint64_t network);
  // Moves an entry from the free list to the head of `bucket`; null when there is none.
  [[nodiscard]] Entry* take_free_entry(std::uint32_t& bucket);
  // Frees the entries untouched for a second, at most once a second.
  void collect_garbage(Instant now);

  Key hash_key_;
  std::vector<std::uint32_t> buckets_;  // heads; a power of two of them
  std::vector<Entry> entries_;
  std::uint32_t free_ = kNone;
  std::size_t used_ = 0;
  Instant last_collected_;
};

}  // namespace xm
