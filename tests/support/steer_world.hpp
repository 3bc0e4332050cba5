// What an XDP program is told, in the words of the specification: tests write it into the maps
// (steer_lab.hpp) and judge packets by it (tests/bpf/steer_oracle.hpp).
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/crypto/secret.hpp"
#include "xdpmesh/abi.h"

namespace xm::test {

enum class Beat : std::uint8_t { fresh, never, old, far_ahead };

struct SteerWorld {
  // A slot of xm_replay: whose it is, and the counters authenticated.
  struct Slot {
    std::uint32_t receiver_index = 0;
    std::set<std::uint64_t> received;
  };
  struct Session {
    bool live = true;
    std::optional<std::uint32_t> slot;
  };
  struct Mac1Key {
    PublicKey key{};
    std::uint16_t port = 51820;
  };

  bool configured = true;
  bool redirect = true;
  bool all_published = true;
  bool check_mac1 = true;
  bool generic = false;
  std::uint32_t largest_frame = 2048;
  std::array<std::uint8_t, 6> mac = {0x02, 0x00, 0x5e, 0x10, 0x20, 0x30};
  std::vector<std::uint16_t> ports = {51820};
  std::vector<std::string> addresses = {"192.0.2.1", "2001:db8::1"};
  std::vector<Mac1Key> mac1_keys;  // more than XM_MAX_MAC1_KEYS: the first are in the config
  std::map<std::uint32_t, Session> sessions;
  std::map<std::uint32_t, Slot> slots;
  bool socket = true;             // on receive queue 0
  Beat beat = Beat::fresh;        // of the queue's worker
  Beat agent_beat = Beat::fresh;  // of the agent

  // A live session whose slot has these counters.
  void add_session(std::uint32_t receiver_index, std::uint32_t slot,
                   std::set<std::uint64_t> received = {}) {
    sessions[receiver_index] = {true, slot};
    slots[slot] = {receiver_index, std::move(received)};
  }
};

}  // namespace xm::test
