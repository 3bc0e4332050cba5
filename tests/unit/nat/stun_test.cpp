#include "agent/nat/stun.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include "tests/unit/nat/stun_samples.hpp"

namespace xm {
namespace {

using test::ByteVector;
using test::kErrorResponse;
using test::kSampleTransaction;
using test::kSuccess;
using test::StunBuilder;

const Endpoint kMapped = *Endpoint::parse("203.0.113.9:51820");

StunBuilder success() {
  return {kSuccess, kSampleTransaction};
}

TEST_CASE("stun: the response samples of RFC 5769 give the addresses that it states") {
  const auto v4 = parse_binding_response(test::kSampleResponseV4);
  REQUIRE(v4.ok());
  CHECK(v4.value().transaction == kSampleTransaction);
  CHECK(v4.value().mapped.to_string() == "192.0.2.1:32853");
  CHECK(v4.value().failure.empty());
  const auto v6 = parse_binding_response(test::kSampleResponseV6);
  REQUIRE(v6.ok());
  CHECK(v6.value().mapped.to_string() == "[2001:db8:1234:5678:11:2233:4455:6677]:32853");
}

TEST_CASE("stun: the fingerprints of RFC 5769's samples are the ones computed") {
  for (const ByteVector& sample :
       {test::kSampleRequest, test::kSampleResponseV4, test::kSampleResponseV6}) {
    const std::size_t value = sample.size() - 4;
    CHECK(stun_fingerprint(Bytes(sample).first(value - 4)) == load_be32(sample.data() + value));
  }
}

TEST_CASE("stun: a changed byte anywhere in a sample is refused or seen by the fingerprint") {
  for (const ByteVector& sample : {test::kSampleResponseV4, test::kSampleResponseV6}) {
    for (std::size_t at = 0; at < sample.size(); ++at) {
      ByteVector changed = sample;
      changed[at] ^= 0x01;
      const auto parsed = parse_binding_response(changed);
      // Where the change hides FINGERPRINT itself, it is an optional attribute of another type.
      const bool hidden = at == sample.size() - 8 || at == sample.size() - 7;
      CHECK_MESSAGE((!parsed.ok() || hidden), "byte ", at);
    }
  }
}

TEST_CASE(
    "stun: a request is the golden twenty bytes, the header of RFC 5769's but for its length") {
  const StunRequest request = binding_request(kSampleTransaction);
  const StunRequest golden{0x00, 0x01, 0x00, 0x00, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7,
                           0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae};
  CHECK(request == golden);
  CHECK(is_stun(request));
}

TEST_CASE("stun: other things of a shared port are not STUN") {
  CHECK(is_stun(test::kSampleRequest));
  CHECK(is_stun(test::kSampleResponseV6));
  CHECK_FALSE(is_stun({}));
  CHECK_FALSE(is_stun(Bytes(test::kSampleResponseV4).first(kStunHeaderSize - 1)));
  for (const unsigned top : {0x40U, 0x80U, 0xc0U}) {
    ByteVector other = test::kSampleResponseV4;
    other[0] = static_cast<std::uint8_t>(other[0] | top);
    CHECK_FALSE(is_stun(other));
  }
  ByteVector without_cookie = test::kSampleResponseV4;
  without_cookie[7] ^= 0xff;
  CHECK_FALSE(is_stun(without_cookie));
}

TEST_CASE("stun: MAPPED-ADDRESS serves where there is no XORed one, and yields to it") {
  CHECK(parse_binding_response(success().mapped(kMapped, false).bytes()).value().mapped == kMapped);
  const Endpoint rewritten = *Endpoint::parse("10.0.0.1:1");
  CHECK(parse_binding_response(success().mapped(rewritten, false).mapped(kMapped).bytes())
            .value()
            .mapped == kMapped);
  const Endpoint v6 = *Endpoint::parse("[2001:db8::7]:65535");
  CHECK(parse_binding_response(success().mapped(v6, false).bytes()).value().mapped == v6);
  CHECK(parse_binding_response(success().mapped(v6).fingerprint().bytes()).value().mapped == v6);
}

TEST_CASE("stun: of two attributes of one type the first counts, and none behind the integrity") {
  const Endpoint other = *Endpoint::parse("198.51.100.1:7");
  CHECK(parse_binding_response(success().mapped(kMapped).mapped(other).bytes()).value().mapped ==
        kMapped);
  const std::array<std::uint8_t, 20> integrity{};
  const auto behind =
      parse_binding_response(success().attribute(0x0008, integrity).mapped(other).bytes());
  REQUIRE(behind.ok());
  CHECK(behind.value().failure == "its answer has no mapped address");
}

TEST_CASE("stun: what has to be understood and is not fails the transaction") {
  const auto required = parse_binding_response(success().mapped(kMapped).text(0x0024, "x").bytes());
  REQUIRE(required.ok());
  CHECK_FALSE(required.value().mapped.is_set());
  CHECK(required.value().failure ==
        "its answer has the attribute 0x0024, which would have to be understood");
  // Optional ones, ALTERNATE-SERVER among them, and those of RFC 3489's servers do not.
  for (const int type : {0x8022, 0x8023, 0x802b, 0xffff, 0x0002, 0x0004, 0x0005, 0x000b}) {
    CHECK(parse_binding_response(
              success().text(static_cast<std::uint16_t>(type), "1234").mapped(kMapped).bytes())
              .value()
              .mapped == kMapped);
  }
}

TEST_CASE("stun: an error response says why, in printable characters") {
  const auto refused = [](unsigned code, std::string_view reason) {
    return parse_binding_response(
        StunBuilder(kErrorResponse, kSampleTransaction).error(code, reason).bytes());
  };
  CHECK(refused(401, "Unauthorized").value().failure == "it refuses: 401 Unauthorized");
  CHECK(refused(300, "").value().failure == "it refuses: 300");
  CHECK(refused(500, "a\x1b[2J\nb").value().failure == "it refuses: 500 a?[2J?b");
  CHECK(refused(500, std::string(200, 'x')).value().failure.size() < 90);
  CHECK_FALSE(refused(299, "").ok());
  CHECK_FALSE(refused(700, "").ok());
  CHECK_FALSE(parse_binding_response(StunBuilder(kErrorResponse, kSampleTransaction).bytes()).ok());
}

TEST_CASE("stun: requests, indications, other methods and wrong lengths are no response") {
  for (const int type : {0x0001, 0x0011, 0x0103, 0x0113}) {
    CHECK_FALSE(
        parse_binding_response(StunBuilder(static_cast<std::uint16_t>(type), kSampleTransaction)
                                   .mapped(kMapped)
                                   .bytes())
            .ok());
  }
  ByteVector longer = test::kSampleResponseV4;
  longer.resize(longer.size() + 4);
  CHECK_FALSE(parse_binding_response(longer).ok());
  CHECK_FALSE(parse_binding_response(Bytes(test::kSampleResponseV4).first(40)).ok());
  // An attribute beyond the end, a fingerprint that is not the last, an address of no family.
  ByteVector beyond = success().text(0x8022, "12345678").bytes();
  store_be16(beyond.data() + kStunHeaderSize + 2, 9);
  CHECK_FALSE(parse_binding_response(beyond).ok());
  CHECK_FALSE(parse_binding_response(success().fingerprint().mapped(kMapped).bytes()).ok());
  CHECK_FALSE(parse_binding_response(success().text(0x0020, "12345678").bytes()).ok());
}

TEST_CASE("stun: a port or an address that nobody can have is a failure") {
  for (const char* text : {"203.0.113.9:0", "0.0.0.0:9", "[::]:9"}) {
    const auto parsed = parse_binding_response(success().mapped(*Endpoint::parse(text)).bytes());
    REQUIRE(parsed.ok());
    CHECK_FALSE(parsed.value().mapped.is_set());
    CHECK(parsed.value().failure == "its answer has no mapped address");
  }
}

// XM_WRITE_CORPUS=1 writes the files instead.
TEST_CASE("stun_fuzz: its corpus holds one message of each kind, as ever") {
  const std::pair<const char*, ByteVector> seeds[] = {
      {"request", test::kSampleRequest},
      {"response_v4", test::kSampleResponseV4},
      {"response_v6", test::kSampleResponseV6},
      {"plain_address", success().mapped(kMapped, false).bytes()},
      {"unknown_attribute", success().text(0x0024, "priority").mapped(kMapped).bytes()},
      {"error",
       StunBuilder(kErrorResponse, kSampleTransaction).error(420, "Unknown").fingerprint().bytes()},
  };
  for (const auto& [name, bytes] : seeds) {
    const std::string path = XM_SOURCE_DIR "/tests/fuzz/corpus/stun/" + std::string(name);
    if (std::getenv("XM_WRITE_CORPUS") != nullptr) {
      std::ofstream(path, std::ios::binary)
          .write(reinterpret_cast<const char*>(bytes.data()),
                 static_cast<std::streamsize>(bytes.size()));
    }
    std::ifstream file(path, std::ios::binary);
    const std::string held{std::istreambuf_iterator<char>(file), {}};
    CHECK_MESSAGE(ByteVector(held.begin(), held.end()) == bytes, path);
  }
}

}  // namespace
}  // namespace xm
