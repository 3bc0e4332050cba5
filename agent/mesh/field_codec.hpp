// The fields that several of the mesh's binary forms have: addresses, prefixes, endpoints, and
// lists.
//
// Every value has one spelling: lists that are sets stand in ascending order without duplicates,
// prefixes have no host bits, an IPv4 address is never spelt as a mapped IPv6 one. A reader fails
// on any other spelling, so that decoding and encoding again gives the same bytes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/mesh/byte_codec.hpp"
#include "xdpmesh/addr.hpp"

namespace xm {

// Family (4 or 6), then 4 or 16 bytes.
void write_field(ByteWriter& out, const IpAddress& address);
// The address, then the length.
void write_field(ByteWriter& out, const Prefix& prefix);
// The address, then the port. Scope is local to a host and never written.
void write_field(ByteWriter& out, const Endpoint& endpoint);
// A length byte, then the text.
void write_field(ByteWriter& out, const std::string& text);

// Each fails the reader on what write_field() would not have written.
void read_field(ByteReader& in, IpAddress& address);
void read_field(ByteReader& in, Prefix& prefix);
void read_field(ByteReader& in, Endpoint& endpoint);
void read_field(ByteReader& in, std::string& text);

// A count byte, then the elements in the order given; the caller has checked the count.
template <typename T>
void write_list(ByteWriter& out, const std::vector<T>& list) {
  out.u8(list.size());
  for (const T& element : list) write_field(out, element);
}

// A list of at most `most` elements, none twice. In any order: that is a preference.
template <typename T>
[[nodiscard]] std::vector<T> read_list(ByteReader& in, std::size_t most) {
  std::vector<T> list;
  for (std::size_t left = in.count(most); left > 0 && !in.failed(); --left) {
    T element{};
    read_field(in, element);
    if (std::find(list.begin(), list.end(), element) != list.end()) in.fail();
    list.push_back(std::move(element));
  }
  return list;
}

// As read_list(), in strictly ascending order.
template <typename T>
[[nodiscard]] std::vector<T> read_set(ByteReader& in, std::size_t most) {
  std::vector<T> list = read_list<T>(in, most);
  if (!std::is_sorted(list.begin(), list.end())) in.fail();
  return list;
}

// Brings a list into the order that read_set() expects.
template <typename T>
void make_set(std::vector<T>& list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
}

// Whether another host could send to it at all: a port, and an address that is not unspecified,
// loopback, multicast, broadcast, link-local IPv6 (whose scope has no meaning elsewhere) or mapped.
[[nodiscard]] bool is_reachable_form(const Endpoint& endpoint);

}  // namespace xm
