// Everything about one peer that is the control thread's alone. The packet path sees only `shared`.
#pragma once

#include <memory>
#include <utility>

#include "agent/crypto/random.hpp"
#include "agent/noise/cookie.hpp"
#include "agent/noise/handshake.hpp"
#include "agent/noise/tai64n.hpp"
#include "agent/peer/action.hpp"
#include "agent/peer/index_table.hpp"
#include "agent/peer/keypairs.hpp"
#include "agent/peer/peer.hpp"
#include "agent/peer/staged_packets.hpp"
#include "agent/peer/timers.hpp"
#include "xdpmesh/grace.hpp"

namespace xm {

struct PeerRecord {
  // `random`, `indices` and `grace` outlive the record.
  PeerRecord(PeerId id, RemoteStatic statics, Random& random, IndexTable& indices, Grace& grace)
      : shared(std::make_unique<Peer>(id)),
        remote(std::move(statics)),
        cookies(remote.key),
        keypairs(*shared, indices, grace),
        timers(shared->activity, random) {}

  [[nodiscard]] PeerId id() const { return shared->id; }

  std::unique_ptr<Peer> shared;  // leaves through Grace when the peer is removed
  RemoteStatic remote;
  PeerRoute route;
  bool is_sought = false;  // as PeerChange says

  PendingInitiation pending;  // its index is reserved in the index table
  TimestampSource timestamps;
  TimestampGuard timestamp_guard;
  CookieJar cookies;
  Keypairs keypairs;
  PeerTimers timers;
  StagedPackets staged;

  // When a handshake message last left: the next initiation keeps a distance of REKEY_TIMEOUT.
  Instant last_handshake_sent;
  WallTime last_handshake;  // completed; for status
  // A keepalive was wanted while there was no session: it is sent once there is one.
  bool owes_keepalive = false;
};

}  // namespace xm
