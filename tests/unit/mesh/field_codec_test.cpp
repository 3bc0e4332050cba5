#include "agent/mesh/field_codec.hpp"

#include <doctest/doctest.h>

#include "tests/unit/mesh/samples.hpp"

namespace xm {
namespace {

template <typename T>
bool reads(std::vector<std::uint8_t> bytes) {
  ByteReader in(bytes);
  T value{};
  read_field(in, value);
  return in.complete();
}

}  // namespace

TEST_CASE("field codec: addresses, prefixes and endpoints come back") {
  for (const char* text : {"10.0.0.1", "255.255.255.255", "fd00::1", "::"}) {
    ByteWriter out;
    write_field(out, test::address(text));
    ByteReader in(out.written());
    IpAddress read;
    read_field(in, read);
    CHECK(in.complete());
    CHECK(read == test::address(text));
  }
  for (const char* text : {"0.0.0.0/0", "10.0.0.0/8", "10.0.0.1/32", "::/0", "fd00::/8"}) {
    ByteWriter out;
    write_field(out, test::prefix(text));
    ByteReader in(out.written());
    Prefix read;
    read_field(in, read);
    CHECK(in.complete());
    CHECK(read == test::prefix(text));
  }
  ByteWriter out;
  write_field(out, test::endpoint("[2001:db8::1]:51820"));
  ByteReader in(out.written());
  Endpoint read;
  read_field(in, read);
  CHECK(read == test::endpoint("[2001:db8::1]:51820"));
}

TEST_CASE("field codec: another spelling of a value fails") {
  CHECK(reads<IpAddress>({4, 10, 0, 0, 1}));
  CHECK_FALSE(reads<IpAddress>({5, 10, 0, 0, 1}));
  CHECK_FALSE(reads<IpAddress>({6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1}));
  CHECK(reads<Prefix>({4, 10, 0, 0, 0, 8}));
  CHECK_FALSE(reads<Prefix>({4, 10, 0, 0, 1, 8}));
  CHECK_FALSE(reads<Prefix>({4, 10, 0, 0, 0, 33}));
}

TEST_CASE("field codec: a list has no element twice, and a set is in order") {
  const std::vector<std::string> ascending{"a", "b"};
  const std::vector<std::string> descending{"b", "a"};
  const std::vector<std::string> twice{"a", "a"};
  const auto read = [](const std::vector<std::string>& list, bool as_set, std::size_t most) {
    ByteWriter out;
    write_list(out, list);
    ByteReader in(out.written());
    const auto back = as_set ? read_set<std::string>(in, most) : read_list<std::string>(in, most);
    return in.complete() && back == list;
  };
  CHECK(read(ascending, true, 2));
  CHECK_FALSE(read(descending, true, 2));
  CHECK(read(descending, false, 2));
  CHECK_FALSE(read(twice, false, 2));
  CHECK_FALSE(read(ascending, false, 1));
}

}  // namespace xm
