// The XDP program's view of our sessions: which receiver indices there are, and the replay window
// of each. Follows the index table; the replay windows then publish themselves (noise/replay.hpp).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <unordered_map>

#include "agent/peer/session_observer.hpp"
#include "xdpmesh/abi.h"
#include "xdpmesh/result.hpp"

namespace xm {

// The maps xm_sessions and xm_replay, or a test's.
class SessionTable {
 public:
  virtual ~SessionTable() = default;
  [[nodiscard]] virtual Status put(std::uint32_t index, const xm_session& session) = 0;
  virtual void remove(std::uint32_t index) = 0;
  // As long as this object.
  [[nodiscard]] virtual std::span<xm_replay> replay() = 0;
};

// Thread: the control thread. Windows are given and taken their slot under the session's replay
// lock, so that no worker writes to a slot that has changed hands; free slots are reused the oldest
// first, long after a program that was just reading one has ended.
class SessionMirror final : public SessionObserver {
 public:
  // `complete(false)` is called before anything can leave that makes a peer use an index that is in
  // no map; `complete(true)` when all are in again. `table` is empty, and outlives the mirror.
  SessionMirror(SessionTable& table, std::function<void(bool)> complete);
  ~SessionMirror() override;
  SessionMirror(const SessionMirror&) = delete;
  SessionMirror& operator=(const SessionMirror&) = delete;

  void index_reserved(std::uint32_t index, PeerId peer) override;
  void session_published(PeerSession& session) override;
  void index_released(std::uint32_t index) override;

  [[nodiscard]] bool is_complete() const { return missing_ == 0; }
  [[nodiscard]] std::size_t sessions() const { return entries_.size(); }
  [[nodiscard]] std::size_t missing() const { return missing_; }
  [[nodiscard]] std::size_t free_slots() const { return free_.size(); }

 private:
  struct Entry {
    xm_session value{};
    PeerSession* session = nullptr;  // null while only reserved
    bool is_in_map = false;
  };

  void put(std::uint32_t index, Entry& entry);
  void set_missing(std::size_t missing);
  void give_slot(Entry& entry);
  void take_slot(Entry& entry);
  void retry_one();

  SessionTable& table_;
  std::function<void(bool)> complete_;
  std::span<xm_replay> replay_;
  std::unordered_map<std::uint32_t, Entry> entries_;
  std::deque<std::uint32_t> free_;
  std::size_t missing_ = 0;  // entries that did not fit the map
};

}  // namespace xm
