#include "agent/crypto/chacha.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "tests/unit/crypto/vectors.hpp"

namespace xm {
namespace {

using test::array_of;
using test::Buffer;
using test::counting;
using test::from_hex;
using test::key_of;
using test::key_of_hex;
using test::noise;
using test::to_hex;

Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

TEST_CASE("chacha: RFC 8439 appendix A.5, whose nonce is of our form") {
  constexpr std::string_view kText =
      "Internet-Drafts are draft documents valid for a maximum of six months and may be updated, "
      "replaced, or obsoleted by other documents at any time. It is inappropriate to use "
      "Internet-Drafts as reference material or to cite them other than as "
      "/\xe2\x80\x9cwork in progress./\xe2\x80\x9d";
  constexpr std::string_view kSealed =
      "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43eea09ee94e"
      "382d26b0bdb7b73c321b0100d4f03b7f355894cf332f830e710b97ce98c8a84abd0b948114ad176e008d33bd"
      "60f982b1ff37c8559797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4b9166c76"
      "7b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523eaf4534d7f83fa1155b0047718cbc546a"
      "0d072b04b3564eea1b422273f548271a0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a67276"
      "27097a1049e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29a6ad5cb4022b0270"
      "9beead9d67890cbb22392336fea1851f38";
  const Key key = key_of_hex("1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0");
  const Buffer aad = from_hex("f33388860000000000004e91");
  constexpr std::uint64_t kCounter = 0x0807060504030201;

  Buffer sealed(kText.size() + 16);
  seal_with_aad(key, kCounter, aad, bytes_of(kText), sealed);
  CHECK(to_hex(sealed) == kSealed);

  Buffer opened(kText.size());
  REQUIRE(open_with_aad(key, kCounter, aad, sealed, opened));
  CHECK(to_hex(opened) == to_hex(bytes_of(kText)));
}

TEST_CASE("xchacha: draft-irtf-cfrg-xchacha-03 appendix A.3.1") {
  constexpr std::string_view kText =
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
      "sunscreen would be it.";
  constexpr std::string_view kSealed =
      "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f"
      "4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f"
      "76b2383565d3fff921f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49";
  const Key key = key_of_hex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
  const XNonce nonce = array_of<24>(from_hex("404142434445464748494a4b4c4d4e4f5051525354555657"));
  const Buffer aad = from_hex("50515253c0c1c2c3c4c5c6c7");

  Buffer sealed(kText.size() + 16);
  xseal_with_aad(key, nonce, aad, bytes_of(kText), sealed);
  CHECK(to_hex(sealed) == kSealed);

  Buffer opened(kText.size());
  REQUIRE(xopen_with_aad(key, nonce, aad, sealed, opened));
  CHECK(to_hex(opened) == to_hex(bytes_of(kText)));
}

TEST_CASE("chacha: a message may be empty, as the last of a handshake is") {
  const Key key = key_of(counting(32));
  const Buffer aad = counting(32);
  Buffer sealed(16);
  seal_with_aad(key, 0, aad, {}, sealed);
  CHECK(open_with_aad(key, 0, aad, sealed, {}));
  CHECK_FALSE(open_with_aad(key, 1, aad, sealed, {}));
  CHECK_FALSE(open_with_aad(key, 0, {}, sealed, {}));

  const XNonce nonce{};
  xseal_with_aad(key, nonce, aad, {}, sealed);
  CHECK(xopen_with_aad(key, nonce, aad, sealed, {}));
  CHECK_FALSE(xopen_with_aad(key, nonce, {}, sealed, {}));
}

TEST_CASE("chacha: every flipped bit of a sealed message and of its associated data is found") {
  const Key key = key_of(counting(32));
  const XNonce nonce = array_of<24>(counting(24));
  const Buffer text = noise(32, 1);
  const Buffer aad = noise(12, 2);
  Buffer sealed(48);
  Buffer xsealed(48);
  Buffer opened(32);
  seal_with_aad(key, 9, aad, text, sealed);
  xseal_with_aad(key, nonce, aad, text, xsealed);
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    Buffer forged = sealed;
    forged[bit / 8] = static_cast<std::uint8_t>(forged[bit / 8] ^ (1U << (bit % 8)));
    CHECK_FALSE(open_with_aad(key, 9, aad, forged, opened));
    forged = xsealed;
    forged[bit / 8] = static_cast<std::uint8_t>(forged[bit / 8] ^ (1U << (bit % 8)));
    CHECK_FALSE(xopen_with_aad(key, nonce, aad, forged, opened));
  }
  for (std::size_t byte = 0; byte < aad.size(); ++byte) {
    Buffer other = aad;
    other[byte] ^= 1;
    CHECK_FALSE(open_with_aad(key, 9, other, sealed, opened));
    CHECK_FALSE(xopen_with_aad(key, nonce, other, xsealed, opened));
  }
}

TEST_CASE("chacha: in place, and sizes that do not fit") {
  const Key key = key_of(counting(32));
  const Buffer text = noise(40, 1);
  Buffer buffer = text;
  buffer.resize(56);
  seal_with_aad(key, 3, {}, Bytes(buffer).first(40), buffer);
  CHECK(open_with_aad(key, 3, {}, buffer, MutableBytes(buffer).first(40)));
  CHECK(to_hex(Bytes(buffer).first(40)) == to_hex(text));

  Buffer short_of_a_tag(15);
  Buffer opened(40);
  CHECK_FALSE(open_with_aad(key, 3, {}, short_of_a_tag, {}));
  CHECK_FALSE(xopen_with_aad(key, XNonce{}, {}, short_of_a_tag, {}));
  CHECK_FALSE(open_with_aad(key, 3, {}, buffer, MutableBytes(opened).first(39)));
  CHECK_FALSE(open_with_aad(key, 3, {}, {}, opened));
}

}  // namespace xm
