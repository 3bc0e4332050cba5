// The agent's own BPF maps, which all interfaces that it holds share: xm_sessions, xm_replay and
// xm_peers (include/xdpmesh/abi.h). No secret is in any of them.
//
// Ownership: the object owns the maps' descriptors and the mapped memory; pins and loaded programs
// keep the maps alive beyond it. Thread: the control thread; what is behind replay() is written
// by whoever holds the session's replay window (design.md, section 2).
#pragma once

#include <cstdint>
#include <span>

#include "loader/map_memory.hpp"
#include "xdpmesh/abi.h"
#include "xdpmesh/fd.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

class SharedMaps {
 public:
  // Fresh maps. `slots` is xm_replay's size; xm_sessions holds twice as many, for the sessions
  // that have no slot (yet). Needs CAP_BPF.
  [[nodiscard]] static Result<SharedMaps> create(std::uint32_t slots = XM_DEFAULT_SLOTS);

  // Those that another agent made and pinned; the descriptors are taken over. The caller has seen
  // to it that they have these types and sizes (Pins::shared_maps).
  struct Descriptors {
    Fd sessions, replay, peers;
  };
  [[nodiscard]] static Result<SharedMaps> adopt(Descriptors descriptors, std::uint32_t slots);

  // Enters or replaces. The errno is E2BIG (or ENOSPC) when the map is full.
  [[nodiscard]] Status put_session(std::uint32_t receiver_index, const xm_session& session);
  // That there is no such entry is no error.
  [[nodiscard]] Status remove_session(std::uint32_t receiver_index);
  [[nodiscard]] Status clear_sessions();

  // By slot; borrowed, valid as long as this object, also after it has been moved.
  [[nodiscard]] std::span<xm_replay> replay() const { return replay_memory_.values(); }

  // `index` < XM_MAX_PEERS.
  [[nodiscard]] Status put_peer(std::uint32_t index, const xm_peer& peer);
  [[nodiscard]] Status clear_peer(std::uint32_t index);

  [[nodiscard]] std::uint32_t slots() const { return slots_; }
  // Borrowed.
  [[nodiscard]] int sessions_fd() const { return descriptors_.sessions.get(); }
  [[nodiscard]] int replay_fd() const { return descriptors_.replay.get(); }
  [[nodiscard]] int peers_fd() const { return descriptors_.peers.get(); }

 private:
  SharedMaps(Descriptors descriptors, MapMemory<xm_replay> replay, std::uint32_t slots);

  Descriptors descriptors_;
  MapMemory<xm_replay> replay_memory_;
  std::uint32_t slots_;
};

}  // namespace xm
