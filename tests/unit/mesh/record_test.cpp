#include "agent/mesh/record.hpp"

#include <doctest/doctest.h>

#include <functional>

#include "agent/mesh/signed_bytes.hpp"
#include "tests/unit/mesh/golden.hpp"
#include "tests/unit/mesh/samples.hpp"

namespace xm {
namespace {

using test::bare_record;
using test::Buffer;
using test::copy_of;
using test::key_number;
using test::kNow;
using test::sample_record;
using test::signed_record;

std::string sign_fault(const NodeRecord& record) {
  const auto made = SignedRecord::sign(record, key_number(1));
  return made.ok() ? "" : made.error().what;
}
std::string open_fault(Bytes bytes, std::string_view mesh = "office") {
  const auto opened = SignedRecord::open(bytes, mesh);
  return opened.ok() ? "" : opened.error().what;
}
bool says(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}
// A body with changed bytes, signed again by its owner: the signature is right, the form is not.
Buffer signed_again(const Buffer& bytes, const std::function<void(Buffer&)>& change) {
  Buffer body(bytes.begin(), bytes.end() - kSignatureSize);
  change(body);
  return sign_body("xdp-mesh record", body, key_number(1));
}

}  // namespace

TEST_CASE("record: its bytes are what a released version wrote") {
  CHECK(test::to_hex(signed_record(sample_record()).bytes()) == test::golden("record.hex"));
  CHECK(test::to_hex(signed_record(bare_record()).bytes()) == test::golden("record_bare.hex"));
}

TEST_CASE("record: what was signed is opened again, whole") {
  for (const NodeRecord& record : {sample_record(), bare_record()}) {
    const SignedRecord made = signed_record(record);
    const auto opened = SignedRecord::open(made.bytes(), "office");
    REQUIRE(opened.ok());
    CHECK(opened.value().record() == record);
    CHECK(copy_of(opened.value().bytes()) == copy_of(made.bytes()));
  }
}

TEST_CASE("record: lists are brought into order before signing; endpoints keep theirs") {
  NodeRecord record = sample_record();
  std::swap(record.names[0], record.names[1]);
  std::swap(record.subnets[0], record.subnets[1]);
  record.addresses.push_back(record.addresses[0]);
  std::swap(record.endpoints[0], record.endpoints[1]);
  const NodeRecord made = signed_record(record).record();
  CHECK(made.names == sample_record().names);
  CHECK(made.subnets == sample_record().subnets);
  CHECK(made.addresses == sample_record().addresses);
  CHECK(made.endpoints == record.endpoints);
}

TEST_CASE("record: it cannot be forged: any changed bit is refused") {
  const Buffer bytes = copy_of(signed_record(sample_record()).bytes());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Buffer changed = bytes;
    changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ 1U << bit % 8);
    CHECK_FALSE(SignedRecord::open(changed, "office").ok());
  }
}

TEST_CASE("record: it cannot be signed by another, nor under another tag") {
  CHECK(says(sign_fault(sample_record(2)), "the key of its own identity"));
  const Buffer bytes = copy_of(signed_record(sample_record()).bytes());
  const Bytes body = Bytes(bytes).first(bytes.size() - kSignatureSize);
  CHECK(says(open_fault(sign_body("xdp-mesh record", body, key_number(2))), "signature"));
  CHECK(says(open_fault(sign_body("xdp-mesh alive", body, key_number(1))), "signature"));
  CHECK(open_fault(sign_body("xdp-mesh record", body, key_number(1))).empty());
}

TEST_CASE("record: it cannot be transplanted to another mesh") {
  const Buffer bytes = copy_of(signed_record(sample_record()).bytes());
  CHECK(says(open_fault(bytes, "offica"), "another mesh"));
  CHECK(says(open_fault(bytes, "offic"), "another mesh"));
  Buffer renamed = bytes;
  renamed[7] = 'a';
  CHECK(says(open_fault(renamed, "offica"), "signature"));
}

TEST_CASE("record: its life cannot be extended, nor be longer than 7 days") {
  Buffer bytes = copy_of(signed_record(sample_record()).bytes());
  std::uint8_t* expires = bytes.data() + bytes.size() - kSignatureSize - 8;
  REQUIRE(load_le64(expires) == static_cast<std::uint64_t>(sample_record().life.expires));
  store_le64(expires, load_le64(expires) + 1);
  CHECK(says(open_fault(bytes), "signature"));

  NodeRecord record = sample_record();
  record.life.expires = record.life.issued + kMostRecordLife;
  CHECK(sign_fault(record).empty());
  ++record.life.expires;
  CHECK(says(sign_fault(record), "at most 7 days"));
  record.life.expires = record.life.issued;
  CHECK(says(sign_fault(record), "before it expires"));
  const Buffer longer = signed_again(copy_of(signed_record(sample_record()).bytes()),
                                     [](Buffer& body) { body[body.size() - 5] = 0x7f; });
  CHECK(says(open_fault(longer), "at most 7 days"));
  const Buffer overflowing = signed_again(copy_of(signed_record(sample_record()).bytes()),
                                          [](Buffer& body) { body[body.size() - 1] = 0x7f; });
  CHECK(says(open_fault(overflowing), "before it expires"));
}

TEST_CASE("record: an older version never replaces a newer one") {
  NodeRecord record = sample_record();
  const SignedRecord seven = signed_record(record);
  record.version = 8;
  const SignedRecord eight = signed_record(record);
  record.version = UINT64_MAX;
  const SignedRecord last = signed_record(record);
  CHECK(replaces(eight, seven));
  CHECK_FALSE(replaces(seven, eight));
  CHECK_FALSE(replaces(seven, seven));
  CHECK(replaces(last, eight));
  CHECK_FALSE(replaces(eight, last));
}

TEST_CASE("record: of two with one version everyone keeps the same") {
  NodeRecord record = sample_record();
  const SignedRecord one = signed_record(record);
  record.salt = 4;
  const SignedRecord other = signed_record(record);
  CHECK(replaces(one, other) != replaces(other, one));
}

TEST_CASE("record: expired and of the future begin two hours later") {
  const Lifetime life{kNow, kNow + kRecordLife};
  CHECK(record_age(life, kNow) == RecordAge::valid);
  CHECK(record_age(life, kNow - 2 * kHour) == RecordAge::valid);
  CHECK(record_age(life, kNow - 2 * kHour - 1) == RecordAge::of_the_future);
  CHECK(record_age(life, life.expires + 2 * kHour - 1) == RecordAge::valid);
  CHECK(record_age(life, life.expires + 2 * kHour) == RecordAge::expired);
}

TEST_CASE("record: fields out of bounds are refused by name") {
  const auto with = [](const std::function<void(NodeRecord&)>& change) {
    NodeRecord record = bare_record();
    change(record);
    return sign_fault(record);
  };
  CHECK(says(with([](NodeRecord& r) { r.mesh = "Office"; }), "mesh name"));
  CHECK(says(with([](NodeRecord& r) { r.mesh = ""; }), "mesh name"));
  CHECK(says(with([](NodeRecord& r) { r.version = 0; }), "version of 1"));
  CHECK(says(with([](NodeRecord& r) { r.names = {"a.b"}; }), "DNS labels"));
  CHECK(says(with([](NodeRecord& r) { r.names = {"a", "b", "c", "d", "e"}; }), "4 names"));
  CHECK(says(with([](NodeRecord& r) {
               for (int i = 1; i <= 5; ++i) {
                 r.addresses.push_back(test::address("10.0.0." + std::to_string(i)));
               }
             }),
             "4 addresses"));
  CHECK(says(with([](NodeRecord& r) {
               for (int i = 0; i < 9; ++i) {
                 r.subnets.push_back(test::prefix("10." + std::to_string(i) + ".0.0/16"));
               }
             }),
             "8 subnets"));
  CHECK(says(with([](NodeRecord& r) {
               for (int i = 1; i <= 9; ++i) {
                 r.endpoints.push_back(test::endpoint("192.0.2.1:" + std::to_string(i)));
               }
             }),
             "8 endpoints"));
}

TEST_CASE("record: endpoints that nobody else can send to are refused") {
  for (const char* text :
       {"127.0.0.1:1", "0.0.0.0:1", "0.1.2.3:1", "224.0.0.1:1", "255.255.255.255:1", "192.0.2.1:0",
        "[::1]:1", "[::]:1", "[ff02::1]:1", "[fe80::1]:1", "[::ffff:192.0.2.1]:1"}) {
    CAPTURE(text);
    NodeRecord record = bare_record();
    record.endpoints = {test::endpoint(text)};
    CHECK(says(sign_fault(record), "another host can send to"));
  }
  NodeRecord record = bare_record();
  record.endpoints = {test::endpoint("[2001:db8::1%3]:5")};
  CHECK(says(sign_fault(record), "without a scope"));
}

TEST_CASE("record: the largest fits its bound, and a larger one says what to do") {
  NodeRecord record = bare_record();
  record.mesh = std::string(32, 'm');
  for (int i = 0; i < 4; ++i) {
    record.names.push_back(std::string(20, static_cast<char>('a' + i)));
    record.addresses.push_back(test::address("fd00::" + std::to_string(i + 1)));
  }
  for (int i = 0; i < 8; ++i) {
    record.endpoints.push_back(test::endpoint("[2001:db8::1]:" + std::to_string(i + 1)));
    if (i < 4) record.subnets.push_back(test::prefix("fd0" + std::to_string(i) + "::/32"));
  }
  const SignedRecord made = signed_record(record);
  CHECK(made.bytes().size() <= kMaxRecordSize);
  CHECK(SignedRecord::open(made.bytes(), record.mesh).ok());
  record.names = {std::string(63, 'a'), std::string(63, 'b'), std::string(63, 'c')};
  CHECK(says(sign_fault(record), "fewer or shorter names"));
}

TEST_CASE("record: only the one form is accepted, even with a good signature") {
  const Buffer good = copy_of(signed_record(sample_record()).bytes());
  CHECK(says(open_fault(signed_again(good, [](Buffer& b) { b[0] = 2; })), "version 1 of its form"));
  CHECK(says(open_fault(signed_again(good, [](Buffer& b) { b.push_back(0); })), "the one form"));
  CHECK(says(open_fault(signed_again(good, [](Buffer& b) { b.pop_back(); })), "the one form"));
  // The names "gate" and "web-1" begin after version, mesh, identity and record version.
  const std::size_t names = 1 + 7 + 32 + 8;
  REQUIRE(good[names] == 2);
  CHECK(says(open_fault(signed_again(good,
                                     [&](Buffer& b) {  // descending
                                       const Buffer gate(b.begin() + names + 1,
                                                         b.begin() + names + 6);
                                       b.erase(b.begin() + names + 1, b.begin() + names + 6);
                                       b.insert(b.begin() + names + 7, gate.begin(), gate.end());
                                     })),
             "the one form"));
  CHECK(says(open_fault(signed_again(good,
                                     [&](Buffer& b) {  // twice
                                       const Buffer gate(b.begin() + names + 1,
                                                         b.begin() + names + 6);
                                       b.insert(b.begin() + names + 1, gate.begin(), gate.end());
                                       b[names] = 3;
                                     })),
             "the one form"));
  for (std::size_t size = 0; size < good.size(); ++size) {
    CHECK_FALSE(SignedRecord::open(Bytes(good).first(size), "office").ok());
  }
  CHECK(says(open_fault(Buffer(kMaxRecordSize + 1)), "expected 64 to 560 bytes, got 561"));
}

TEST_CASE("record: an identity that is no key signs nothing") {
  // With a key of low order and an all-zero S, naive verifiers accept any message.
  NodeRecord record = bare_record();
  Buffer bytes = copy_of(signed_record(record).bytes());
  const std::size_t identity = 1 + 7;
  std::fill_n(bytes.begin() + identity, 32, std::uint8_t{0});
  bytes[identity] = 1;
  std::fill(bytes.end() - kSignatureSize, bytes.end(), std::uint8_t{0});
  bytes[bytes.size() - kSignatureSize] = 1;
  CHECK(says(open_fault(bytes), "signature"));
}

}  // namespace xm
