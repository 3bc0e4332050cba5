// The Internet checksum (RFC 1071): one's-complement sums of IPv4, TCP, UDP and ICMP.
//
// A PartialSum is a plain sum of 32-bit words as they lie in memory. The one's-complement sum does
// not depend on byte order, so nothing is swapped while adding; values that are not in memory enter
// through checksum_word(). Sums of up to 64 KB each add up with + in any number below 2^16 without
// overflow, provided every part but the last has an even length.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "xdpmesh/bytes.hpp"

namespace xm {

using PartialSum = std::uint64_t;

// The sum over `data`; an odd last byte counts as if a zero followed.
[[nodiscard]] PartialSum checksum_sum(Bytes data);

// Copies `from` to `to` and returns its sum: one pass over memory instead of two. No overlap.
[[nodiscard]] PartialSum checksum_copy(std::uint8_t* to, Bytes from);

// The same as checksum_sum() without the vector code; for tests, and for machines without AVX2.
[[nodiscard]] PartialSum checksum_sum_portable(Bytes data);

// The sum over a header: `length` is a multiple of 4. Inline, as headers are short.
[[nodiscard]] inline PartialSum checksum_header(const std::uint8_t* header, std::size_t length) {
  PartialSum sum = 0;
  for (std::size_t i = 0; i < length; i += 4) {
    std::uint32_t word;
    std::memcpy(&word, header + i, sizeof word);
    sum += word;
  }
  return sum;
}

// `value` (host order) as it would be added from memory, where it lies in network order.
[[nodiscard]] constexpr PartialSum checksum_word(std::uint16_t value) {
  if constexpr (std::endian::native == std::endian::big) return value;
  return static_cast<std::uint16_t>((value << 8) | (value >> 8));
}

// Reduces a sum to 16 bits, in memory order.
[[nodiscard]] constexpr std::uint16_t checksum_fold(PartialSum sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

// Writes the checksum field: the complement of everything else's sum.
inline void checksum_store(std::uint8_t* field, PartialSum sum) {
  const auto checksum = static_cast<std::uint16_t>(~checksum_fold(sum));
  std::memcpy(field, &checksum, sizeof checksum);
}

// The same for UDP, where a zero field means "no checksum" and 0xffff stands for zero (RFC 768).
inline void checksum_store_udp(std::uint8_t* field, PartialSum sum) {
  auto checksum = static_cast<std::uint16_t>(~checksum_fold(sum));
  if (checksum == 0) checksum = 0xffff;
  std::memcpy(field, &checksum, sizeof checksum);
}

// Writes the field of a packet whose checksum is left to the next hop: the pseudo header's sum, not
// complemented.
inline void checksum_store_partial(std::uint8_t* field, PartialSum pseudo_header) {
  const std::uint16_t partial = checksum_fold(pseudo_header);
  std::memcpy(field, &partial, sizeof partial);
}

// Whether a sum that includes its checksum field says "undamaged".
[[nodiscard]] constexpr bool checksum_is_valid(PartialSum sum) {
  return checksum_fold(sum) == 0xffff;
}

// The pseudo header's sum: addresses of the IP header at `ip`, protocol and the length of the
// transport header and payload together. RFC 9293, 3.1; RFC 8200, 8.1 (lengths above 65,535 do not
// occur here).
[[nodiscard]] inline PartialSum pseudo_header_v4(const std::uint8_t* ip, std::uint8_t protocol,
                                                 std::uint16_t length) {
  return checksum_header(ip + 12, 8) + checksum_word(protocol) + checksum_word(length);
}
[[nodiscard]] inline PartialSum pseudo_header_v6(const std::uint8_t* ip, std::uint8_t protocol,
                                                 std::uint16_t length) {
  return checksum_header(ip + 8, 32) + checksum_word(protocol) + checksum_word(length);
}

}  // namespace xm
