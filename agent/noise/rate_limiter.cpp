#include "agent/noise/rate_limiter.hpp"

#include <algorithm>
#include <bit>

#include "agent/crypto/blake2s.hpp"

namespace xm {
namespace {

constexpr Duration kCost{1'000'000'000 / kHandshakesPerSecond};
constexpr Duration kFull = kCost * kHandshakeBurst;
// An untouched bucket is full long before: forgetting it then changes nothing.
constexpr Duration kForgetAfter = 1s;
static_assert(kForgetAfter >= kFull);

}  // namespace

RateLimiter::RateLimiter(Random& random, std::size_t capacity)
    : buckets_(std::bit_ceil(std::max<std::size_t>(capacity, 1)), kNone), entries_(capacity) {
  random.fill(hash_key_.expose_mutable());
  for (std::size_t i = entries_.size(); i-- > 0;) {
    entries_[i].next = free_;
    free_ = static_cast<std::uint32_t>(i);
  }
}

bool RateLimiter::allow(const IpAddress& source, Instant now) {
  if (now - last_collected_ >= kForgetAfter) collect_garbage(now);

  const std::uint64_t network =
      source.is_v4() ? load_be32(source.octets.data()) : load_be64(source.octets.data());
  std::uint32_t& bucket = bucket_of(source.family, network);
  Entry* entry = find(bucket, source.family, network);
  if (entry == nullptr) {
    entry = take_free_entry(bucket);
    if (entry == nullptr) return false;
    entry->family = source.family;
    entry->network = network;
    entry->tokens = kFull;
    entry->last = now;
  }
  entry->tokens = std::min(kFull, entry->tokens + (now - entry->last));
  entry->last = now;
  if (entry->tokens < kCost) return false;
  entry->tokens -= kCost;
  return true;
}

// Keyed, so that nobody can choose addresses that all fall into one bucket.
std::uint32_t& RateLimiter::bucket_of(IpAddress::Family family, std::uint64_t network) {
  std::array<std::uint8_t, 9> name;
  name[0] = static_cast<std::uint8_t>(family);
  store_le64(name.data() + 1, network);
  const Mac16 hash = blake2s_mac(hash_key_.expose(), {name});
  return buckets_[load_le64(hash.data()) & (buckets_.size() - 1)];
}

RateLimiter::Entry* RateLimiter::find(std::uint32_t bucket, IpAddress::Family family,
                                      std::uint64_t network) {
  for (std::uint32_t i = bucket; i != kNone; i = entries_[i].next) {
    Entry& entry = entries_[i];
    if (entry.network == network && entry.family == family) return &entry;
  }
  return nullptr;
}

RateLimiter::Entry* RateLimiter::take_free_entry(std::uint32_t& bucket) {
  if (free_ == kNone) return nullptr;
  const std::uint32_t taken = free_;
  Entry& entry = entries_[taken];
  free_ = entry.next;
  entry.next = bucket;
  bucket = taken;
  ++used_;
  return &entry;
}

void RateLimiter::collect_garbage(Instant now) {
  last_collected_ = now;
  if (used_ == 0) return;
  for (std::uint32_t& bucket : buckets_) {
    for (std::uint32_t* link = &bucket; *link != kNone;) {
      const std::uint32_t i = *link;
      Entry& entry = entries_[i];
      if (now - entry.last < kForgetAfter) {
        link = &entry.next;
        continue;
      }
      *link = entry.next;
      entry.next = free_;
      free_ = i;
      --used_;
    }
  }
}

}  // namespace xm
