// What the XDP program has to decide, written from the specification (docs/architecture.md, "The
// XDP program") and from nothing in bpf/: the frame is taken apart into facts, and the first rule
// that one of them breaks decides. Counters are judged by the set of those received, macs by the
// code that verifies handshakes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/noise/cookie.hpp"
#include "agent/wire/wg.hpp"
#include "tests/support/seeded_random.hpp"
#include "tests/support/steer_world.hpp"
#include "xdpmesh/abi.h"
#include "xdpmesh/bytes.hpp"

namespace xm::test {

class SteerOracle {
 public:
  explicit SteerOracle(const SteerWorld& world) : world_(world) {
    for (const std::string& address : world.addresses) addresses_.insert(address_key(address));
    for (const auto& key : world.mac1_keys) checkers_.emplace_back(key.key, random_);
  }

  // An xm_verdict.
  [[nodiscard]] std::uint32_t verdict(Bytes frame) const {
    if (!world_.configured) return XM_VERDICT_pass_not_configured;
    // The type stands behind the addresses and at most two tags of four bytes.
    std::size_t at = 12;
    for (int tags = 0; tags < 2 && is_tag(frame, at); ++tags) at += 4;
    if (frame.size() < at + 2) return XM_VERDICT_pass_truncated;
    const std::uint16_t type = load_be16(&frame[at]);
    if (type != 0x0800 && type != 0x86dd) return XM_VERDICT_pass_not_ip;
    if (!std::equal(world_.mac.begin(), world_.mac.end(), frame.begin())) {
      return XM_VERDICT_pass_foreign_mac;
    }
    const Bytes packet = frame.subspan(at + 2);
    return type == 0x0800 ? ipv4(packet, frame.size()) : ipv6(packet, frame.size());
  }

 private:
  using AddressKey = std::vector<std::uint8_t>;

  static AddressKey address_key(const std::string& text) {
    std::uint8_t bytes[16];
    if (inet_pton(AF_INET, text.c_str(), bytes) == 1) return {bytes, bytes + 4};
    inet_pton(AF_INET6, text.c_str(), bytes);
    return {bytes, bytes + 16};
  }

  static bool is_tag(Bytes frame, std::size_t at) {
    if (frame.size() < at + 2) return false;
    const std::uint16_t type = load_be16(&frame[at]);
    return type == 0x8100 || type == 0x88a8;
  }

  [[nodiscard]] std::uint32_t ipv4(Bytes packet, std::size_t frame_size) const {
    if (packet.size() < 20) return XM_VERDICT_pass_truncated;
    if (packet[0] >> 4 != 4 || (packet[0] & 15) != 5) return XM_VERDICT_pass_ip_options;
    const bool more = (packet[6] & 0x20) != 0;
    const int offset = (packet[6] & 0x1f) << 8 | packet[7];
    if (more || offset != 0) return XM_VERDICT_pass_fragment;
    if (packet[9] != 17) return XM_VERDICT_pass_not_udp;
    const int stated = load_be16(&packet[2]) - 20;
    return udp(packet.subspan(20), stated, packet.subspan(16, 4), frame_size);
  }

  [[nodiscard]] std::uint32_t ipv6(Bytes packet, std::size_t frame_size) const {
    if (packet.size() < 40) return XM_VERDICT_pass_truncated;
    if (packet[0] >> 4 != 6) return XM_VERDICT_pass_not_ip;
    if (packet[6] == 44) return XM_VERDICT_pass_fragment;
    if (packet[6] != 17) return XM_VERDICT_pass_not_udp;
    return udp(packet.subspan(40), load_be16(&packet[4]), packet.subspan(24, 16), frame_size);
  }

  // `stated`: how many bytes follow the IP header, by what it says.
  [[nodiscard]] std::uint32_t udp(Bytes rest, int stated, Bytes destination,
                                  std::size_t frame_size) const {
    if (rest.size() < 8) return XM_VERDICT_pass_truncated;
    const std::uint16_t port = load_be16(&rest[2]);
    const int length = load_be16(&rest[4]);
    if (std::ranges::count(world_.ports, port) == 0) return XM_VERDICT_pass_foreign_port;
    if (!addresses_.contains(AddressKey(destination.begin(), destination.end()))) {
      return XM_VERDICT_pass_foreign_address;
    }
    if (length != stated || length < 8) return XM_VERDICT_pass_length_mismatch;
    if (static_cast<std::size_t>(length) > rest.size()) return XM_VERDICT_pass_truncated;
    const auto payload = static_cast<std::size_t>(length) - 8;
    return message(rest.subspan(8, payload), port, frame_size);
  }

  [[nodiscard]] std::uint32_t message(Bytes payload, std::uint16_t port,
                                      std::size_t frame_size) const {
    if (payload.size() < 4) return XM_VERDICT_pass_not_wireguard;
    if (load_le32(payload.data()) == 4) {
      if (payload.size() < 32) return XM_VERDICT_pass_data_shape;
      if (world_.agent_beat != Beat::fresh) return XM_VERDICT_pass_stale_heartbeat;
      return data(payload, frame_size);
    }
    const auto type = message_type(payload);
    if (!type) return XM_VERDICT_pass_not_wireguard;
    if (*type == MessageType::cookie_reply) return XM_VERDICT_pass_cookie_reply;
    return handshake(payload, port);
  }

  [[nodiscard]] std::uint32_t handshake(Bytes payload, std::uint16_t port) const {
    bool looked = false;
    if (world_.agent_beat != Beat::fresh) return XM_VERDICT_pass_handshake_unchecked;
    if (!world_.check_mac1 || checkers_.size() > XM_MAX_MAC1_KEYS) {
      return XM_VERDICT_pass_handshake_unchecked;
    }
    for (std::size_t i = 0; i < checkers_.size(); ++i) {
      if (world_.mac1_keys[i].port != port) continue;
      looked = true;
      if (checkers_[i].mac1_is_valid(payload)) return XM_VERDICT_pass_handshake;
    }
    return looked ? XM_VERDICT_drop_bad_mac1 : XM_VERDICT_pass_handshake_unchecked;
  }

  [[nodiscard]] std::uint32_t data(Bytes payload, std::size_t frame_size) const {
    const std::uint32_t index = load_le32(&payload[4]);
    const std::uint64_t counter = load_le64(&payload[8]);
    const auto session = world_.sessions.find(index);
    if (session == world_.sessions.end()) {
      return world_.all_published ? XM_VERDICT_drop_unknown_index : XM_VERDICT_pass_unknown_index;
    }
    if (const SteerWorld::Slot* slot = slot_of(index, session->second)) {
      // The paper, 5.4.6: counters end before 2^64 - 2^13 - 1; here before 2^64 - 8130.
      if (counter >= UINT64_MAX - 8129) return XM_VERDICT_drop_counter_too_old;
      const bool any = !slot->received.empty();
      if (any && *slot->received.rbegin() > 8128 && counter < *slot->received.rbegin() - 8128) {
        return XM_VERDICT_drop_counter_too_old;
      }
      if (slot->received.contains(counter)) return XM_VERDICT_drop_counter_replayed;
    }
    if (!world_.redirect) return XM_VERDICT_pass_socket_chosen;
    if (frame_size > world_.largest_frame) return XM_VERDICT_pass_oversized;
    if (!world_.socket) return XM_VERDICT_pass_no_socket;
    return world_.beat == Beat::fresh ? XM_VERDICT_redirect : XM_VERDICT_pass_stale_heartbeat;
  }

  // What is known of a session's counters, if anything.
  [[nodiscard]] const SteerWorld::Slot* slot_of(std::uint32_t index,
                                                const SteerWorld::Session& session) const {
    if (!session.live || !session.slot) return nullptr;
    const auto slot = world_.slots.find(*session.slot);
    if (slot == world_.slots.end() || slot->second.receiver_index != index) return nullptr;
    return &slot->second;
  }

  const SteerWorld& world_;
  std::set<AddressKey> addresses_;
  SeededRandom random_;
  std::deque<CookieChecker> checkers_;
};

}  // namespace xm::test
