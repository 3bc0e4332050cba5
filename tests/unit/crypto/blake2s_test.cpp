#include "agent/crypto/blake2s.hpp"

#include <doctest/doctest.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <bit>
#include <string>
#include <string_view>

#include "tests/unit/crypto/vectors.hpp"

namespace xm {
namespace {

using test::Buffer;
using test::counting;
using test::from_hex;
using test::noise;
using test::to_hex;

Buffer openssl_digest(const Buffer& message) {
  Buffer out(32);
  unsigned int size = 0;
  REQUIRE(EVP_Digest(message.data(), message.size(), out.data(), &size, EVP_blake2s256(),
                     nullptr) == 1);
  REQUIRE(size == 32);
  return out;
}

// `parameter` is BLAKE2SMAC's output size or HMAC's digest.
Buffer openssl_mac(const char* name, const Buffer& key, const Buffer& message, OSSL_PARAM parameter,
                   std::size_t size) {
  EVP_MAC* mac = EVP_MAC_fetch(nullptr, name, nullptr);
  EVP_MAC_CTX* context = EVP_MAC_CTX_new(mac);
  const OSSL_PARAM parameters[] = {parameter, OSSL_PARAM_construct_end()};
  Buffer out(size);
  std::size_t written = 0;
  const bool good = EVP_MAC_init(context, key.data(), key.size(), parameters) == 1 &&
                    EVP_MAC_update(context, message.data(), message.size()) == 1 &&
                    EVP_MAC_final(context, out.data(), &written, out.size()) == 1;
  EVP_MAC_CTX_free(context);
  EVP_MAC_free(mac);
  REQUIRE(good);
  REQUIRE(written == size);
  return out;
}

Buffer openssl_keyed(const Buffer& key, const Buffer& message, std::size_t size) {
  return openssl_mac("BLAKE2SMAC", key, message,
                     OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size), size);
}

Buffer openssl_hmac(const Buffer& key, const Buffer& message) {
  char digest[] = "BLAKE2s-256";
  return openssl_mac("HMAC", key, message,
                     OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), 32);
}

// RFC 7693, 3.2, as it stands there: what has the chaining value alone finishes the hash.
constexpr std::string_view kSigma[10] = {"0123456789abcdef", "ea489fd61c02b753", "b8c052fdae367194",
                                         "7931dcbe265a40f8", "905724afe1bc683d", "2c6a0b834d75fe19",
                                         "c51fed4a0763928b", "db7ec13950f4862a", "6fe9b308c2d714a5",
                                         "a2847615fb9e3cd0"};

void mix(std::array<std::uint32_t, 16>& v, const std::array<std::size_t, 4>& at, std::uint32_t x,
         std::uint32_t y) {
  const auto [a, b, c, d] = at;
  v[a] = v[a] + v[b] + x;
  v[d] = std::rotr(v[d] ^ v[a], 16);
  v[c] = v[c] + v[d];
  v[b] = std::rotr(v[b] ^ v[c], 12);
  v[a] = v[a] + v[b] + y;
  v[d] = std::rotr(v[d] ^ v[a], 8);
  v[c] = v[c] + v[d];
  v[b] = std::rotr(v[b] ^ v[c], 7);
}

void compress(Blake2sChaining& h, const Buffer& block, std::size_t total, bool last) {
  constexpr std::array<std::size_t, 4> kColumns[8] = {
      {0, 4, 8, 12},  {1, 5, 9, 13},  {2, 6, 10, 14}, {3, 7, 11, 15},
      {0, 5, 10, 15}, {1, 6, 11, 12}, {2, 7, 8, 13},  {3, 4, 9, 14}};
  constexpr std::uint32_t kIv[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::uint32_t, 16> v{};
  std::copy(h.begin(), h.end(), v.begin());
  std::copy(std::begin(kIv), std::end(kIv), v.begin() + 8);
  v[12] ^= static_cast<std::uint32_t>(total);
  if (last) v[14] = ~v[14];
  const auto word = [&](char digit) {
    return load_le32(
        &block[4 * static_cast<std::size_t>(std::stoi(std::string(1, digit), nullptr, 16))]);
  };
  for (const std::string_view row : kSigma) {
    for (std::size_t i = 0; i < 8; ++i) mix(v, kColumns[i], word(row[2 * i]), word(row[2 * i + 1]));
  }
  for (std::size_t i = 0; i < h.size(); ++i) h[i] ^= v[i] ^ v[i + 8];
}

std::string finish(Blake2sChaining chaining, const Buffer& message) {
  for (std::size_t at = 0; at < message.size(); at += 64) {
    Buffer block(message.begin() + static_cast<std::ptrdiff_t>(at),
                 message.begin() + static_cast<std::ptrdiff_t>(std::min(at + 64, message.size())));
    const std::size_t total = 64 + at + block.size();
    block.resize(64);
    compress(chaining, block, total, at + 64 >= message.size());
  }
  std::array<std::uint8_t, 32> out;
  for (std::size_t i = 0; i < chaining.size(); ++i) store_le32(&out[4 * i], chaining[i]);
  return to_hex(Bytes(out).first(16));
}

}  // namespace

TEST_CASE("blake2s: RFC 7693 appendix B and the empty message") {
  CHECK(to_hex(blake2s({from_hex("616263")})) ==
        "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
  CHECK(to_hex(blake2s({})) == "69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9");
}

TEST_CASE("blake2s_keyed: the reference's known answers") {
  CHECK(to_hex(blake2s_keyed(counting(32), {})) ==
        "48a8997da407876b3d79c0d92325ad3b89cbb754d86ab71aee047ad345fd2c49");
  CHECK(to_hex(blake2s_keyed(counting(32), {counting(255)})) ==
        "3fb735061abc519dfe979e54c1ee5bfad0a9d858b3315bad34bde999efd724dd");
}

// Made with Python: hashlib.blake2s(message, key=bytes(range(32)), digest_size=16).
TEST_CASE("blake2s_mac: 16 bytes of output are a parameter of the hash") {
  struct Row {
    std::size_t size;
    const char* mac;
  };
  for (const Row& row : {
           Row{0, "9536f9b267655743dee97b8a670f9f53"},
           Row{1, "13bacfb85b48a1223c595f8c1e7e82cb"},
           Row{63, "ece382a8bd5018f1de5da44b72cea75b"},
           Row{64, "f1efa90d2547036841ecd3627fafbc36"},
           Row{65, "811ff8686d23a435ecbd0bdafcd27b1b"},
           Row{128, "8c09f698d03eaf88abf69f8147865ef6"},
           Row{255, "cd075928ab7e6883e697fe7fd3ac43ee"},
       }) {
    CHECK(to_hex(blake2s_mac(counting(32), {counting(row.size)})) == row.mac);
  }
}

// Made with Python: hmac.new(key, message, hashlib.blake2s).
TEST_CASE("hmac_blake2s: short, long and empty keys") {
  CHECK(to_hex(hmac_blake2s(counting(32), {counting(256)}).expose()) ==
        "66e8260777230a3a870fdec816d6487e9df792ddff3d542dab2d19123acaaa35");
  CHECK(to_hex(hmac_blake2s(counting(256), {from_hex("616263")}).expose()) ==
        "7287b9d2205ef280d595cc0f2cda95e6689a67403edadba8bb9724f65fae5d85");
  CHECK(to_hex(hmac_blake2s({}, {}).expose()) ==
        "eaf4bb25938f4d20e72656bbbc7a9bf63c0c18537333c35bdb67db1402661acd");
}

TEST_CASE("blake2s: every length about the block's agrees with OpenSSL") {
  for (std::size_t size = 0; size <= 260; ++size) {
    const Buffer message = noise(size, static_cast<std::uint32_t>(size));
    const Buffer key = noise(1 + size % 32, static_cast<std::uint32_t>(1000 + size));
    CHECK(to_hex(blake2s({message})) == to_hex(openssl_digest(message)));
    CHECK(to_hex(blake2s_keyed(key, {message})) == to_hex(openssl_keyed(key, message, 32)));
    CHECK(to_hex(blake2s_mac(key, {message})) == to_hex(openssl_keyed(key, message, 16)));
    const Buffer hmac_key = noise(size + 1, static_cast<std::uint32_t>(2000 + size));
    CHECK(to_hex(hmac_blake2s(hmac_key, {message}).expose()) ==
          to_hex(openssl_hmac(hmac_key, message)));
  }
}

TEST_CASE("blake2s_mac_chaining: goes on to blake2s_mac without the key") {
  for (std::size_t size = 1; size <= 200; ++size) {
    const Buffer message = noise(size, static_cast<std::uint32_t>(size));
    const Buffer key = noise(1 + size % 32, static_cast<std::uint32_t>(1000 + size));
    CHECK(finish(blake2s_mac_chaining(key), message) == to_hex(blake2s_mac(key, {message})));
  }
}

TEST_CASE("blake2s: parts hash as if they stood in a row") {
  const Buffer message = noise(200, 7);
  const Hash whole = blake2s({message});
  for (std::size_t cut = 0; cut <= message.size(); ++cut) {
    const Bytes all(message);
    CHECK(blake2s({all.first(cut), all.subspan(cut)}) == whole);
    CHECK(
        blake2s({all.first(cut / 2), {}, all.subspan(cut / 2, cut - cut / 2), all.subspan(cut)}) ==
        whole);
  }
}

}  // namespace xm
