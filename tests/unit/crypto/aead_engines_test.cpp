// Every engine that this machine can run, against known answers and against each other.
#include "agent/crypto/aead_engines.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "agent/crypto/aead.hpp"
#include "agent/crypto/blake2s.hpp"
#include "agent/crypto/chacha.hpp"
#include "tests/unit/crypto/vectors.hpp"

namespace xm {
namespace {

using test::Buffer;
using test::counting;
using test::key_of;
using test::noise;
using test::to_hex;

std::uint32_t size_of(const Buffer& buffer) {
  return static_cast<std::uint32_t>(buffer.size());
}

// One engine of each kind, and one that splits by size.
std::vector<std::unique_ptr<AeadEngine>> engines() {
  std::vector<std::unique_ptr<AeadEngine>> all;
  for (const AeadKind kind : available_aead_kinds()) {
    auto engine = make_aead_engine(kind);
    REQUIRE(engine.ok());
    all.push_back(std::move(engine).value());
  }
  AeadChoice choice;
  choice.small = available_aead_kinds().front();
  auto engine = make_chosen_engine(choice);
  REQUIRE(engine.ok());
  all.push_back(std::move(engine).value());
  return all;
}

Buffer seal(AeadEngine& engine, const Key& key, std::uint64_t counter, const Buffer& text) {
  Buffer out(text.size() + kAeadTagSize);
  AeadJob job{.counter = counter, .in = text.data(), .out = out.data(), .length = size_of(text)};
  engine.seal(key, {&job, 1});
  return out;
}

// The text, or nothing when the engine refuses it.
std::optional<Buffer> open(AeadEngine& engine, const Key& key, std::uint64_t counter,
                           const Buffer& sealed) {
  Buffer out(sealed.size());
  AeadJob job{
      .counter = counter, .in = sealed.data(), .out = out.data(), .length = size_of(sealed)};
  engine.open(key, {&job, 1});
  if (!job.ok) return std::nullopt;
  out.resize(sealed.size() - kAeadTagSize);
  return out;
}

// The reference of these tests: libsodium, by the other interface, itself held to the RFC's
// vectors.
Buffer expected(const Key& key, std::uint64_t counter, const Buffer& text) {
  Buffer out(text.size() + kAeadTagSize);
  seal_with_aad(key, counter, {}, text, out);
  return out;
}

// Jobs over one buffer each, in place.
std::vector<AeadJob> jobs_over(std::vector<Buffer>& buffers, std::uint32_t less) {
  std::vector<AeadJob> jobs;
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    jobs.push_back(AeadJob{.counter = i,
                           .in = buffers[i].data(),
                           .out = buffers[i].data(),
                           .length = size_of(buffers[i]) - less});
  }
  return jobs;
}

}  // namespace

// Made with Python's cryptography: text and key count up from 0, no associated data. The digest is
// BLAKE2s of ciphertext and tag.
TEST_CASE("engines: known answers, empty messages and the last counter among them") {
  struct Row {
    std::uint64_t counter;
    std::size_t size;
    const char* tag;
    const char* digest;
  };
  const Key key = key_of(counting(32));
  for (const auto& engine : engines()) {
    CAPTURE(engine->description());
    for (const Row& row : {
             Row{0, 0, "10324f800a160bd9a1794255be7ec29d",
                 "80a8bad31e79c326a485bbc765c6fd1c2fe038d4b2fe69e0cc2e8cf4f2e818d0"},
             Row{1, 1, "c9bb5606c640fd79782a2425e2728a27",
                 "69b879e16b9855eb202e517adfed65cfe5c659301122b3327313a33a460a05d7"},
             Row{0x0807060504030201, 64, "8e0967828557668b0ce718151637683f",
                 "6bf057a0b6d35910b0e1d3af61657c65dac024ae03f7a9cbe3d543b531707584"},
             Row{~std::uint64_t{0}, 80, "5375a00ef43bc91ded519e4a734a54d9",
                 "e01dfab9297e9004f239a69a2db2c12293a93d170b1815cc0d4d4e74182ddbad"},
             Row{7, 1424, "eeecea0b44a3f45b42eb262159893305",
                 "b597a9d52eba4fd3218ae1d452505b408fa45840e90468765a383dcd8dcd77c3"},
         }) {
      const Buffer text = counting(row.size);
      const Buffer sealed = seal(*engine, key, row.counter, text);
      CHECK(to_hex(Bytes(sealed).subspan(row.size)) == row.tag);
      CHECK(to_hex(blake2s({sealed})) == row.digest);
      CHECK(open(*engine, key, row.counter, sealed) == text);
    }
  }
}

TEST_CASE("engines: the same bytes at every length, in place and not") {
  std::vector<std::size_t> sizes(2001);
  std::iota(sizes.begin(), sizes.end(), 0);
  sizes.push_back(65000);
  for (const auto& engine : engines()) {
    CAPTURE(engine->description());
    for (const std::size_t size : sizes) {
      CAPTURE(size);
      const auto seed = static_cast<std::uint32_t>(size);
      const Key key = key_of(noise(32, seed + 1));
      const std::uint64_t counter = size * 0x9e3779b97f4a7c15;
      const Buffer text = noise(size, seed);
      const Buffer sealed = expected(key, counter, text);
      REQUIRE(seal(*engine, key, counter, text) == sealed);
      REQUIRE(open(*engine, key, counter, sealed) == text);

      Buffer in_place = text;
      in_place.resize(size + kAeadTagSize);
      AeadJob job{.counter = counter,
                  .in = in_place.data(),
                  .out = in_place.data(),
                  .length = static_cast<std::uint32_t>(size)};
      engine->seal(key, {&job, 1});
      REQUIRE(in_place == sealed);
      job.length = size_of(in_place);
      engine->open(key, {&job, 1});
      REQUIRE(job.ok);
      in_place.resize(size);
      REQUIRE(in_place == text);
    }
  }
}

TEST_CASE("engines: unaligned input and output") {
  const Key key = key_of(noise(32, 5));
  const Buffer text = noise(333, 6);
  const Buffer sealed = expected(key, 11, text);
  for (const auto& engine : engines()) {
    CAPTURE(engine->description());
    for (std::size_t offset = 0; offset < 16; ++offset) {
      Buffer from(offset);
      from.insert(from.end(), text.begin(), text.end());
      Buffer to(offset + sealed.size() + 1, 0xa5);
      AeadJob job{.counter = 11,
                  .in = from.data() + offset,
                  .out = to.data() + offset,
                  .length = size_of(text)};
      engine->seal(key, {&job, 1});
      CHECK(to_hex(Bytes(to).subspan(offset, sealed.size())) == to_hex(sealed));
      CHECK(to.back() == 0xa5);
    }
  }
}

TEST_CASE("engines: a batch of mixed sizes gives what single packets give") {
  const Key key = key_of(noise(32, 77));
  std::vector<Buffer> texts;
  std::vector<Buffer> sealed;
  for (std::uint32_t i = 0; i < 300; ++i) {
    texts.push_back(noise((i * 7919U) % 1500, i));
    sealed.push_back(expected(key, i, texts.back()));
  }
  for (const auto& engine : engines()) {
    CAPTURE(engine->description());
    std::vector<Buffer> buffers = texts;
    for (Buffer& buffer : buffers) buffer.resize(buffer.size() + kAeadTagSize);
    std::vector<AeadJob> jobs = jobs_over(buffers, kAeadTagSize);
    engine->seal(key, jobs);
    CHECK(buffers == sealed);

    // Every fifth is forged: only those fail, and the others are none the worse.
    for (std::size_t i = 0; i < buffers.size(); i += 5) buffers[i].back() ^= 1;
    jobs = jobs_over(buffers, 0);
    engine->open(key, jobs);
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      CHECK(jobs[i].ok == (i % 5 != 0));
      buffers[i].resize(texts[i].size());
      if (jobs[i].ok) CHECK(buffers[i] == texts[i]);
    }
    engine->seal(key, {});
    engine->open(key, {});
  }
}

TEST_CASE("engines: what is forged, cut or under another key or counter is refused") {
  const Key key = key_of(noise(32, 21));
  for (const auto& engine : engines()) {
    CAPTURE(engine->description());
    for (const std::size_t size : {0, 1, 16, 63, 200, 300}) {
      const Buffer sealed = expected(key, 5, noise(size, 1));
      for (std::size_t i = 0; i < sealed.size(); ++i) {
        for (const int flip : {0x01, 0x80}) {
          Buffer forged = sealed;
          forged[i] = static_cast<std::uint8_t>(forged[i] ^ flip);
          CHECK_FALSE(open(*engine, key, 5, forged).has_value());
        }
      }
      for (std::size_t length = 0; length < sealed.size(); ++length) {
        const Buffer cut(sealed.begin(), sealed.begin() + static_cast<std::ptrdiff_t>(length));
        CHECK_FALSE(open(*engine, key, 5, cut).has_value());
      }
      Key other = key.clone();
      other.expose_mutable()[31] ^= 1;
      CHECK_FALSE(open(*engine, other, 5, sealed).has_value());
      CHECK_FALSE(open(*engine, key, 6, sealed).has_value());
      CHECK_FALSE(open(*engine, key, 5 | (std::uint64_t{1} << 63), sealed).has_value());
      CHECK(open(*engine, key, 5, sealed).has_value());
    }
  }
}

TEST_CASE("engines: `ok` of an earlier use does not outlive a failure") {
  const Key key = key_of(noise(32, 21));
  for (const auto& engine : engines()) {
    CAPTURE(engine->description());
    Buffer junk(64);
    for (const std::uint32_t length : {0U, 15U, 16U, 64U}) {
      AeadJob job{.in = junk.data(), .out = junk.data(), .length = length, .ok = true};
      engine->open(key, {&job, 1});
      CHECK_FALSE(job.ok);
    }
  }
}

TEST_CASE("engines: keys alternate between calls, in both directions") {
  const Key first = key_of(noise(32, 1));
  const Key second = key_of(noise(32, 2));
  const Buffer text = noise(100, 3);
  for (const auto& engine : engines()) {
    CAPTURE(engine->description());
    for (std::uint64_t counter = 0; counter < 6; ++counter) {
      const Key& key = counter % 3 == 0 ? first : second;
      const Key& other = counter % 2 == 0 ? first : second;
      CHECK(seal(*engine, key, counter, text) == expected(key, counter, text));
      CHECK(open(*engine, other, counter, expected(other, counter, text)) == text);
    }
    // The key of zeroes is a key like another, also as the first.
    CHECK(seal(*engine, Key(), 0, text) == expected(Key(), 0, text));
  }
}

}  // namespace xm
