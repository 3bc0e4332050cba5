#include "agent/mesh/digest.hpp"

#include <algorithm>
#include <bit>

#include "xdpmesh/bytes.hpp"

namespace xm {
namespace {

// The finaliser of SplitMix64: every bit of the input moves about half of the output's.
std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

std::uint64_t sum_of(const DigestEntry& entry) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < entry.identity.key.size(); i += 8) {
    sum = mix(sum ^ load_le64(entry.identity.key.data() + i));
  }
  return mix(mix(sum ^ entry.record_version) ^ entry.incarnation);
}

unsigned bucket_bits(std::size_t buckets) {
  return static_cast<unsigned>(std::countr_zero(buckets));
}

std::size_t bucket_of(const Identity& identity, std::size_t buckets) {
  const unsigned bits = bucket_bits(buckets);
  return bits == 0 ? 0 : static_cast<std::size_t>(position_of(identity) >> (64 - bits));
}

}  // namespace

std::uint64_t position_of(const Identity& identity) {
  return load_be64(identity.key.data());
}

std::size_t digest_buckets(std::size_t members) {
  return std::clamp<std::size_t>(std::bit_ceil(members / 8 + 1), 16, kMaxDigestBuckets);
}

DigestEntry digest_entry(const Member& member) {
  return {member.identity, member.record->version, member.incarnation};
}

std::vector<std::uint64_t> digest_sums(std::span<const Member> members, const DigestEntry& self,
                                       std::size_t buckets) {
  std::vector<std::uint64_t> sums(buckets, 0);
  sums[bucket_of(self.identity, buckets)] += sum_of(self);
  for (const Member& member : members) {
    sums[bucket_of(member.identity, buckets)] += sum_of(digest_entry(member));
  }
  return sums;
}

PositionRange bucket_range(std::size_t bucket, std::size_t buckets) {
  const unsigned bits = bucket_bits(buckets);
  if (bits == 0) return {0, UINT64_MAX};
  const std::uint64_t first = std::uint64_t{bucket} << (64 - bits);
  return {first, first | (UINT64_MAX >> bits)};
}

EntriesMessage entries_in(std::span<const Member> members, const DigestEntry& self,
                          PositionRange range) {
  EntriesMessage message{range.first, range.last, {}};
  const auto consider = [&](const DigestEntry& entry) {
    const std::uint64_t position = position_of(entry.identity);
    if (position >= range.first && position <= range.last) message.entries.push_back(entry);
  };
  consider(self);
  for (const Member& member : members) consider(digest_entry(member));
  std::sort(message.entries.begin(), message.entries.end(),
            [](const DigestEntry& a, const DigestEntry& b) { return a.identity < b.identity; });
  if (message.entries.size() > kMaxDigestEntries) {
    message.entries.resize(kMaxDigestEntries);
    message.last = position_of(message.entries.back().identity);
  }
  return message;
}

}  // namespace xm
