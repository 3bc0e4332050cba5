// Ethernet frames around IP packets, for what an AF_XDP socket receives.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/support/packet_builder.hpp"

namespace xm::test {

// A locally administered unicast address each: of the receiving and of the sending interface.
inline constexpr std::uint8_t kFrameMacs[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};

// `tags` are pairs of type and VLAN number, the outermost first.
inline Packet build_frame(const Packet& packet,
                          const std::vector<std::pair<std::uint16_t, std::uint16_t>>& tags = {}) {
  Packet frame(std::begin(kFrameMacs), std::end(kFrameMacs));
  for (const auto& [type, number] : tags) {
    put16(frame, type);
    put16(frame, number);
  }
  put16(frame, packet[0] >> 4 == 6 ? 0x86dd : 0x0800);
  put(frame, packet);
  return frame;
}

// A UDP datagram from a network to a host of documentation's.
inline PacketSpec udp_spec(std::size_t payload = 32, std::uint32_t seed = 1) {
  PacketSpec spec;
  spec.source = "192.0.2.1";
  spec.destination = "192.0.2.2";
  spec.protocol = 17;
  spec.source_port = 40000;
  spec.destination_port = 51820;
  spec.payload = payload_bytes(payload, seed);
  return spec;
}
inline PacketSpec udp6_spec(std::size_t payload = 32, std::uint32_t seed = 1) {
  PacketSpec spec = udp_spec(payload, seed);
  spec.source = "2001:db8::1";
  spec.destination = "2001:db8::2";
  return spec;
}

}  // namespace xm::test
