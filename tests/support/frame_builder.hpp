// Builds Ethernet frames with WireGuard messages for tests, by packet_builder.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/crypto/blake2s.hpp"
#include "agent/crypto/secret.hpp"
#include "tests/support/packet_builder.hpp"
#include "xdpmesh/bytes.hpp"

namespace xm::test {

inline PacketSpec datagram_to_us() {
  PacketSpec spec;
  spec.source = "198.51.100.7";
  spec.destination = "192.0.2.1";
  spec.protocol = 17;
  spec.destination_port = 51820;
  return spec;
}

// A frame; what is not set is a UDP datagram to the interface of SteerWorld.
struct FrameSpec {
  std::array<std::uint8_t, 6> to = {0x02, 0x00, 0x5e, 0x10, 0x20, 0x30};
  std::vector<std::pair<std::uint16_t, std::uint16_t>> tags;  // type that announces it, VLAN
  std::uint16_t type = 0;                                     // 0: what the packet is
  PacketSpec packet = datagram_to_us();
  std::size_t padding = 0;  // bytes behind the packet
};

inline Packet build_frame(const FrameSpec& spec) {
  const bool v6 = spec.packet.source.find(':') != std::string::npos;
  Packet frame(spec.to.begin(), spec.to.end());
  put(frame, {0x02, 0, 0, 0, 0, 0x99});
  for (const auto& [type, vlan] : spec.tags) {
    put16(frame, type);
    put16(frame, vlan);
  }
  put16(frame, spec.type != 0 ? spec.type : v6 ? 0x86dd : 0x0800);
  put(frame, build_packet(spec.packet));
  frame.insert(frame.end(), spec.padding, 0);
  return frame;
}

inline void flip_bit(Packet& packet, std::size_t byte, std::uint64_t bit) {
  packet.at(byte) = static_cast<std::uint8_t>(packet.at(byte) ^ 1U << bit % 8);
}

// A UDP datagram over IPv4 or IPv6 with this payload.
inline FrameSpec datagram4(std::vector<std::uint8_t> payload) {
  FrameSpec spec;
  spec.packet.payload = std::move(payload);
  return spec;
}
inline FrameSpec datagram6(std::vector<std::uint8_t> payload) {
  FrameSpec spec = datagram4(std::move(payload));
  spec.packet.source = "2001:db8:7::7";
  spec.packet.destination = "2001:db8::1";
  return spec;
}

// A data message of `size` bytes, all told.
inline Packet data_message(std::uint32_t receiver_index, std::uint64_t counter,
                           std::size_t size = 128) {
  Packet message = payload_bytes(std::max<std::size_t>(size, 16), receiver_index);
  store_le32(message.data(), 4);
  store_le32(message.data() + 4, receiver_index);
  store_le64(message.data() + 8, counter);
  message.resize(size);
  return message;
}

// Writes mac1 to `key` into an initiation or response (the WireGuard paper, 5.4.4).
inline void put_mac1(Packet& message, const PublicKey& key) {
  constexpr std::string_view kLabel = "mac1----";
  const Hash mac1_key =
      blake2s({Bytes(reinterpret_cast<const std::uint8_t*>(kLabel.data()), kLabel.size()), key});
  const std::size_t covered = message.size() - 32;
  const Mac16 mac1 = blake2s_mac(mac1_key, {Bytes(message).first(covered)});
  std::copy(mac1.begin(), mac1.end(), message.begin() + static_cast<std::ptrdiff_t>(covered));
}

// A message of this type and size whose content is noise; type 1 has 148 bytes, type 2 has 92.
inline Packet noise_message(std::uint32_t type, std::size_t size, std::uint32_t seed = 1) {
  Packet message = payload_bytes(std::max<std::size_t>(size, 4), seed);
  store_le32(message.data(), type);
  message.resize(size);
  return message;
}
inline Packet initiation(const PublicKey& key, std::uint32_t seed = 1) {
  Packet message = noise_message(1, 148, seed);
  put_mac1(message, key);
  return message;
}
inline Packet response(const PublicKey& key, std::uint32_t seed = 1) {
  Packet message = noise_message(2, 92, seed);
  put_mac1(message, key);
  return message;
}

}  // namespace xm::test
