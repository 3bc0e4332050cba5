#include "agent/crypto/blake2s.hpp"

#include <sodium.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <span>

namespace xm {
namespace {

constexpr std::size_t kBlockSize = 64;
constexpr std::size_t kRounds = 10;

// RFC 7693, 2.6: the initialisation vector is SHA-256's.
constexpr Blake2sChaining kIv = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

// RFC 7693, 2.7: which message word goes where in each round.
constexpr std::array<std::array<std::uint8_t, 16>, kRounds> kSigma = {{
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
}};

// RFC 7693, 3.1.
inline void mix(std::uint32_t& a, std::uint32_t& b, std::uint32_t& c, std::uint32_t& d,
                std::uint32_t x, std::uint32_t y) {
  a += b + x;
  d = std::rotr(d ^ a, 16);
  c += d;
  b = std::rotr(b ^ c, 12);
  a += b + y;
  d = std::rotr(d ^ a, 8);
  c += d;
  b = std::rotr(b ^ c, 7);
}

// One running hash. Wiped when it goes: with a key, the state is as good as the key.
class State {
 public:
  State(std::size_t output_size, Bytes key) {
    if (key.size() > kBlake2sMaxKeySize) std::abort();
    chain_ = kIv;
    // Parameter block: digest length, key length, fanout 1, depth 1 (RFC 7693, 2.5).
    chain_[0] ^= 0x01010000U ^ static_cast<std::uint32_t>(key.size() << 8) ^
                 static_cast<std::uint32_t>(output_size);
    if (!key.empty()) {
      std::copy(key.begin(), key.end(), block_.begin());
      filled_ = kBlockSize;
    }
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    sodium_memzero(chain_.data(), sizeof chain_);
    sodium_memzero(block_.data(), sizeof block_);
    sodium_memzero(message_.data(), sizeof message_);
    sodium_memzero(work_.data(), sizeof work_);
  }

  void update(Bytes bytes) {
    while (!bytes.empty()) {
      // A full block waits until more comes, since the last one is compressed differently.
      if (filled_ == kBlockSize) compress(/*last=*/false);
      const std::size_t taken = std::min(bytes.size(), kBlockSize - filled_);
      std::memcpy(block_.data() + filled_, bytes.data(), taken);
      filled_ += taken;
      bytes = bytes.subspan(taken);
    }
  }

  // After the block that waits, which is not the last.
  Blake2sChaining next_chaining() {
    compress(/*last=*/false);
    return chain_;
  }

  void finish(MutableBytes out) {
    std::fill(block_.begin() + static_cast<std::ptrdiff_t>(filled_), block_.end(), 0);
    compress(/*last=*/true);
    std::array<std::uint8_t, kBlake2sSize> full;
    for (std::size_t i = 0; i < chain_.size(); ++i) store_le32(full.data() + 4 * i, chain_[i]);
    std::copy_n(full.begin(), out.size(), out.begin());
    sodium_memzero(full.data(), full.size());
  }

 private:
  // RFC 7693, 3.2.
  void compress(bool last) {
    total_ += filled_;
    filled_ = 0;
    auto& v = work_;
    auto& m = message_;
    for (std::size_t i = 0; i < m.size(); ++i) m[i] = load_le32(block_.data() + 4 * i);
    std::copy(chain_.begin(), chain_.end(), v.begin());
    std::copy(kIv.begin(), kIv.end(), v.begin() + 8);
    v[12] ^= static_cast<std::uint32_t>(total_);
    v[13] ^= static_cast<std::uint32_t>(total_ >> 32);
    if (last) v[14] = ~v[14];
    for (const auto& s : kSigma) {
      mix(v[0], v[4], v[8], v[12], m[s[0]], m[s[1]]);
      mix(v[1], v[5], v[9], v[13], m[s[2]], m[s[3]]);
      mix(v[2], v[6], v[10], v[14], m[s[4]], m[s[5]]);
      mix(v[3], v[7], v[11], v[15], m[s[6]], m[s[7]]);
      mix(v[0], v[5], v[10], v[15], m[s[8]], m[s[9]]);
      mix(v[1], v[6], v[11], v[12], m[s[10]], m[s[11]]);
      mix(v[2], v[7], v[8], v[13], m[s[12]], m[s[13]]);
      mix(v[3], v[4], v[9], v[14], m[s[14]], m[s[15]]);
    }
    for (std::size_t i = 0; i < chain_.size(); ++i) chain_[i] ^= v[i] ^ v[i + 8];
  }

  Blake2sChaining chain_{};
  std::array<std::uint8_t, kBlockSize> block_{};
  std::array<std::uint32_t, 16> message_{};
  std::array<std::uint32_t, 16> work_{};
  std::size_t filled_ = 0;
  std::uint64_t total_ = 0;
};

void hash_into(MutableBytes out, Bytes key, Parts parts) {
  State state(out.size(), key);
  for (const Bytes part : parts) state.update(part);
  state.finish(out);
}

}  // namespace

Hash blake2s(Parts parts) {
  Hash out;
  hash_into(out, {}, parts);
  return out;
}

Hash blake2s_keyed(Bytes key, Parts parts) {
  Hash out;
  hash_into(out, key, parts);
  return out;
}

Mac16 blake2s_mac(Bytes key, Parts parts) {
  Mac16 out;
  hash_into(out, key, parts);
  return out;
}

Blake2sChaining blake2s_mac_chaining(Bytes key) {
  if (key.empty()) std::abort();
  State state(sizeof(Mac16), key);
  return state.next_chaining();
}

Key hmac_blake2s(Bytes key, Parts parts) {
  Secret<kBlockSize> padded;
  const auto pad = padded.expose_mutable();
  if (key.size() > kBlockSize) {
    hash_into(pad.first<kBlake2sSize>(), {}, {key});
  } else {
    std::copy(key.begin(), key.end(), pad.begin());
  }

  Key inner;
  for (auto& byte : pad) byte ^= 0x36;
  State inner_state(kBlake2sSize, {});
  inner_state.update(pad);
  for (const Bytes part : parts) inner_state.update(part);
  inner_state.finish(inner.expose_mutable());

  Key out;
  for (auto& byte : pad) byte ^= 0x36 ^ 0x5c;
  hash_into(out.expose_mutable(), {}, {pad, inner.expose()});
  return out;
}

}  // namespace xm
