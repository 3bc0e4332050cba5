#include "agent/mesh/field_codec.hpp"

namespace xm {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool is_mapped(const IpAddress& address) {
  return address.is_v6() &&
         std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), address.octets.begin());
}

}  // namespace

void write_field(ByteWriter& out, const IpAddress& address) {
  out.u8(static_cast<std::uint8_t>(address.family));
  out.bytes(address.bytes());
}

void write_field(ByteWriter& out, const Prefix& prefix) {
  write_field(out, prefix.address);
  out.u8(prefix.length);
}

void write_field(ByteWriter& out, const Endpoint& endpoint) {
  write_field(out, endpoint.address);
  out.u16(endpoint.port);
}

void write_field(ByteWriter& out, const std::string& text) {
  out.text(text);
}

void read_field(ByteReader& in, IpAddress& address) {
  switch (in.u8()) {
    case 4:
      address = IpAddress::v4(in.array<4>().data());
      return;
    case 6:
      address = IpAddress::v6(in.array<16>().data());
      if (is_mapped(address)) in.fail();
      return;
    default:
      in.fail();
  }
}

void read_field(ByteReader& in, Prefix& prefix) {
  read_field(in, prefix.address);
  prefix.length = in.u8();
  if (in.failed() || prefix.length > prefix.address.bits() ||
      Prefix::of(prefix.address, prefix.length) != prefix) {
    in.fail();
  }
}

void read_field(ByteReader& in, Endpoint& endpoint) {
  read_field(in, endpoint.address);
  endpoint.port = in.u16();
}

void read_field(ByteReader& in, std::string& text) {
  text = in.text(UINT8_MAX);
}

bool is_reachable_form(const Endpoint& endpoint) {
  const auto& octets = endpoint.address.octets;
  if (!endpoint.is_set() || endpoint.port == 0 || is_mapped(endpoint.address)) return false;
  if (endpoint.address.is_v4()) {
    // RFC 1122, 3.2.1.3: "this" network, loopback; multicast, reserved and broadcast.
    return octets[0] != 0 && octets[0] != 127 && octets[0] < 224;
  }
  // RFC 4291: multicast, link-local; unspecified and loopback.
  if (octets[0] == 0xff || (octets[0] == 0xfe && (octets[1] & 0xc0) == 0x80)) return false;
  return !std::all_of(octets.begin(), octets.end() - 1, [](std::uint8_t b) { return b == 0; });
}

}  // namespace xm
