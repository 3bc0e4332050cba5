// What two members compare to find what one of them has missed: sums over parts of their tables.
//
// A member's position is the first eight bytes of its identity, big-endian; a digest divides the
// space of positions into 2^k equal buckets. A sum adds up a mix of (identity, record version,
// incarnation): equal tables give equal sums. The mix is no cryptographic hash. A member could make
// up a record of its own that hides behind another's, and gains nothing: it may as well not send
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "agent/mesh/codec.hpp"
#include "agent/mesh/members.hpp"

namespace xm {

[[nodiscard]] std::uint64_t position_of(const Identity& identity);

// About eight members a bucket, from 16 to 128 buckets.
[[nodiscard]] std::size_t digest_buckets(std::size_t members);

// `buckets` is a power of two from 1 to 128. Everyone's version of a member that we have marked
// dead counts as well: marks are local, tables are not.
[[nodiscard]] std::vector<std::uint64_t> digest_sums(std::span<const Member> members,
                                                     const DigestEntry& self, std::size_t buckets);

struct PositionRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};
// All positions of a bucket.
[[nodiscard]] PositionRange bucket_range(std::size_t bucket, std::size_t buckets);

// What is held in a range: at most kMaxDigestEntries, of the lowest positions; `last` then is that
// of the last entry.
[[nodiscard]] EntriesMessage entries_in(std::span<const Member> members, const DigestEntry& self,
                                        PositionRange range);

[[nodiscard]] DigestEntry digest_entry(const Member& member);

}  // namespace xm
