#include "agent/wire/ip.hpp"

#include "agent/wire/checksum.hpp"

namespace xm {
namespace {

// IPv6 extension headers (RFC 8200, 4; authentication header RFC 4302).
constexpr std::uint8_t kHopByHop = 0;
constexpr std::uint8_t kRouting = 43;
constexpr std::uint8_t kFragment = 44;
constexpr std::uint8_t kAuthentication = 51;
constexpr std::uint8_t kDestinationOptions = 60;
constexpr std::size_t kExtensionMinimum = 8;

bool is_extension(std::uint8_t protocol) {
  return protocol == kHopByHop || protocol == kRouting || protocol == kFragment ||
         protocol == kAuthentication || protocol == kDestinationOptions;
}

std::uint32_t extension_length(std::uint8_t type, const std::uint8_t* header) {
  if (type == kFragment) return kExtensionMinimum;
  if (type == kAuthentication) return (header[1] + 2U) * 4U;
  return (header[1] + 1U) * 8U;
}

// Leaves protocol and transport_offset at the first header that is no extension.
bool walk_extensions(const std::uint8_t* ip, InnerPacket& inner) {
  while (is_extension(inner.protocol)) {
    const std::uint8_t* header = ip + inner.transport_offset;
    const std::uint32_t left = inner.total_length - inner.transport_offset;
    if (left < kExtensionMinimum) return false;
    const std::uint32_t length = extension_length(inner.protocol, header);
    if (length > left) return false;
    if (inner.protocol == kFragment) {
      inner.is_fragment = true;
      inner.is_later_fragment = (load_be16(header + 2) & 0xfff8) != 0;
    }
    inner.protocol = header[0];
    inner.transport_offset += length;
    if (inner.is_later_fragment) break;
  }
  return true;
}

}  // namespace

void mark_congestion(MutableBytes packet) {
  const std::uint8_t ecn = inner_ecn(packet);
  if (ecn != kEcnCapable0 && ecn != kEcnCapable1) return;
  std::uint8_t* ip = packet.data();
  if (ip_version(packet) == 6) {
    ip[1] = static_cast<std::uint8_t>(ip[1] | (kEcnCongestion << 4));
    return;
  }
  // RFC 1624: HC' = ~(~HC + ~m + m'), m being the word that holds version and TOS. A damaged
  // checksum stays as damaged as it was.
  const std::uint16_t before = load_be16(ip);
  ip[ipv4::kTos] |= kEcnCongestion;
  const auto old_checksum = static_cast<std::uint16_t>(~load_be16(ip + ipv4::kChecksum));
  checksum_store(ip + ipv4::kChecksum, checksum_word(old_checksum) +
                                           checksum_word(static_cast<std::uint16_t>(~before)) +
                                           checksum_word(load_be16(ip)));
}

std::optional<InnerPacket> parse_inner(Bytes packet) {
  const auto length = inner_length(packet);
  if (!length) return std::nullopt;
  const std::uint8_t* ip = packet.data();
  InnerPacket inner;
  inner.source = inner_source(packet);
  inner.destination = inner_destination(packet);
  inner.total_length = *length;
  inner.ecn = inner_ecn(packet);
  if (inner.source.is_v4()) {
    inner.header_length = 4U * (ip[0] & 0xfU);
    inner.transport_offset = inner.header_length;
    inner.protocol = ip[ipv4::kProtocol];
    const std::uint16_t fragment = load_be16(ip + ipv4::kFragment);
    inner.is_later_fragment = (fragment & ipv4::kFragmentOffset) != 0;
    inner.is_fragment = inner.is_later_fragment || (fragment & ipv4::kMoreFragments) != 0;
    return inner;
  }
  inner.header_length = ipv6::kHeaderSize;
  inner.transport_offset = ipv6::kHeaderSize;
  inner.protocol = ip[ipv6::kNextHeader];
  if (!walk_extensions(ip, inner)) return std::nullopt;
  return inner;
}

}  // namespace xm
