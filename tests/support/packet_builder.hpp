// Builds inner packets for tests, byte by byte and with its own naive checksum, so that nothing of
// agent/wire vouches for itself.
#pragma once

#include <arpa/inet.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace xm::test {

using Packet = std::vector<std::uint8_t>;

// One packet; what is not set is an ordinary TCP segment. Addresses choose the family.
struct PacketSpec {
  std::string source = "10.0.0.1";
  std::string destination = "10.0.0.2";
  std::uint8_t protocol = 6;  // 6 and 17 get a TCP or UDP header; others just the payload
  std::uint16_t source_port = 40000;
  std::uint16_t destination_port = 5201;
  std::vector<std::uint8_t> payload;

  std::uint8_t traffic_class = 0;  // TOS, with the ECN bits
  std::uint8_t hop_limit = 64;
  std::uint32_t flow_label = 0;
  std::uint16_t id = 0;
  std::uint16_t fragment = 0x4000;       // IPv4: flags and offset; 0x4000 is DF
  std::vector<std::uint8_t> ip_options;  // IPv4, a multiple of 4
  // IPv6: extension headers in front of the payload; `next_header` names the first of them.
  std::vector<std::uint8_t> extensions;
  std::uint8_t next_header = 0;

  std::uint32_t sequence = 1000;
  std::uint32_t acknowledgement = 5000;
  std::uint8_t tcp_flags = 0x10;  // ACK
  std::uint16_t window = 501;
  std::uint16_t urgent_pointer = 0;
  std::vector<std::uint8_t> tcp_options;  // a multiple of 4
  bool no_checksum = false;               // UDP
};

inline void put16(Packet& packet, std::uint32_t value) {
  packet.push_back(static_cast<std::uint8_t>(value >> 8));
  packet.push_back(static_cast<std::uint8_t>(value));
}
inline void put32(Packet& packet, std::uint32_t value) {
  put16(packet, value >> 16);
  put16(packet, value & 0xffff);
}
inline void put(Packet& packet, const std::vector<std::uint8_t>& bytes) {
  packet.insert(packet.end(), bytes.begin(), bytes.end());
}
inline void set16(Packet& packet, std::size_t at, std::uint32_t value) {
  packet[at] = static_cast<std::uint8_t>(value >> 8);
  packet[at + 1] = static_cast<std::uint8_t>(value);
}

// RFC 1071 as it is written there: 16-bit words in network order, carries folded as they come.
inline std::uint16_t naive_sum(const Packet& bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    sum += std::uint32_t{bytes[i]} << 8;
    if (i + 1 < bytes.size()) sum += bytes[i + 1];
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<std::uint16_t>(sum);
}

inline std::vector<std::uint8_t> address_bytes(const std::string& text) {
  const bool v6 = text.find(':') != std::string::npos;
  std::vector<std::uint8_t> bytes(v6 ? 16 : 4);
  inet_pton(v6 ? AF_INET6 : AF_INET, text.c_str(), bytes.data());
  return bytes;
}

// The sum of the pseudo header.
inline Packet pseudo_header_of(const PacketSpec& spec, std::size_t transport_length) {
  Packet pseudo = address_bytes(spec.source);
  put(pseudo, address_bytes(spec.destination));
  put32(pseudo, static_cast<std::uint32_t>(transport_length));
  put32(pseudo, spec.protocol);
  return pseudo;
}

// The transport header and payload with a complete checksum.
inline Packet build_transport(const PacketSpec& spec) {
  Packet out;
  std::size_t checksum_at = 0;
  if (spec.protocol == 6) {
    put16(out, spec.source_port);
    put16(out, spec.destination_port);
    put32(out, spec.sequence);
    put32(out, spec.acknowledgement);
    out.push_back(static_cast<std::uint8_t>((5 + spec.tcp_options.size() / 4) << 4));
    out.push_back(spec.tcp_flags);
    put16(out, spec.window);
    checksum_at = out.size();
    put16(out, 0);
    put16(out, spec.urgent_pointer);
    put(out, spec.tcp_options);
  } else if (spec.protocol == 17) {
    put16(out, spec.source_port);
    put16(out, spec.destination_port);
    put16(out, static_cast<std::uint32_t>(8 + spec.payload.size()));
    checksum_at = out.size();
    put16(out, 0);
  }
  put(out, spec.payload);
  if (checksum_at == 0 || (spec.protocol == 17 && spec.no_checksum)) return out;
  Packet summed = pseudo_header_of(spec, out.size());
  put(summed, out);
  auto checksum = static_cast<std::uint16_t>(~naive_sum(summed));
  if (spec.protocol == 17 && checksum == 0) checksum = 0xffff;
  set16(out, checksum_at, checksum);
  return out;
}

inline Packet build_packet(const PacketSpec& spec) {
  const Packet transport = build_transport(spec);
  Packet out;
  if (spec.source.find(':') == std::string::npos) {
    const std::size_t header = 20 + spec.ip_options.size();
    out.push_back(static_cast<std::uint8_t>(0x40 | (header / 4)));
    out.push_back(spec.traffic_class);
    put16(out, static_cast<std::uint32_t>(header + transport.size()));
    put16(out, spec.id);
    put16(out, spec.fragment);
    out.push_back(spec.hop_limit);
    out.push_back(spec.protocol);
    put16(out, 0);
    put(out, address_bytes(spec.source));
    put(out, address_bytes(spec.destination));
    put(out, spec.ip_options);
    set16(out, 10, static_cast<std::uint16_t>(~naive_sum(out)));
  } else {
    put32(out, 0x60000000U | (std::uint32_t{spec.traffic_class} << 20) | spec.flow_label);
    put16(out, static_cast<std::uint32_t>(spec.extensions.size() + transport.size()));
    out.push_back(spec.extensions.empty() ? spec.protocol : spec.next_header);
    out.push_back(spec.hop_limit);
    put(out, address_bytes(spec.source));
    put(out, address_bytes(spec.destination));
    put(out, spec.extensions);
  }
  put(out, transport);
  return out;
}

// `length` bytes that differ from place to place and from seed to seed.
inline std::vector<std::uint8_t> payload_bytes(std::size_t length, std::uint32_t seed = 1) {
  std::minstd_rand random(seed + 1);
  std::vector<std::uint8_t> bytes(length);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random() >> 8);
  return bytes;
}

}  // namespace xm::test
