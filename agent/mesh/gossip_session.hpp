// The cipher between two nodes, for one life of each: XChaCha20-Poly1305 under a key per direction,
//
//   key = BLAKE2b(X25519(static, static); label, mesh, sender, receiver, sender's boot, receiver's)
//
// so that nobody but the two can make it, and no datagram of an earlier life opens. The nonce is
// the sender's counter, which never goes back within a life, whatever becomes of sessions; the
// receiver keeps a window of those it has seen. No forward secrecy: whoever gets a static private
// key can read what was recorded of its node's gossip, which is public among members anyway.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "agent/crypto/secret.hpp"
#include "agent/mesh/envelope.hpp"
#include "agent/mesh/identity.hpp"
#include "xdpmesh/bytes.hpp"

namespace xm {

// Which counters were received: the newest 256, as RFC 6479 keeps them for ESP. One owner.
class GossipReplay {
 public:
  static constexpr std::uint64_t kWindow = 256;

  GossipReplay() = default;
  // Everything up to and including `counter` counts as received.
  explicit GossipReplay(std::uint64_t counter) : next_(counter + 1) { seen_.fill(UINT64_MAX); }

  // Whether it is new; marks it received. Only for what has been authenticated.
  [[nodiscard]] bool accept(std::uint64_t counter);

 private:
  std::uint64_t next_ = 0;  // one past the highest
  std::array<std::uint64_t, kWindow / 64> seen_{};
};

class GossipSession {
 public:
  struct Ends {
    std::string_view mesh;
    Identity self;
    Identity peer;
    BootId own_boot{};
    BootId peer_boot{};
  };

  // `shared`: X25519 of the two static keys.
  GossipSession(const Key& shared, const Ends& ends);

  [[nodiscard]] const BootId& peer_boot() const { return peer_boot_; }
  // What the peer's datagrams of this session are marked with.
  [[nodiscard]] std::uint64_t receiving_hint() const { return receiving_hint_; }

  // A whole datagram. `counter` is the sender's next, of all its sessions together.
  [[nodiscard]] std::vector<std::uint8_t> seal(const Identity& self, Bytes payload,
                                               std::uint64_t counter, const Key& mac_key) const;
  // The payload; nothing when the tag does not verify or the counter was received before.
  [[nodiscard]] std::optional<std::vector<std::uint8_t>> open(const SealedEnvelope& datagram);

  // Fills answer.sealed's bytes for `plaintext`, bound to the answer's other fields.
  [[nodiscard]] std::vector<std::uint8_t> seal_answer(const HelloAnswer& answer,
                                                      Bytes plaintext) const;
  // Begins the window: whatever the peer sent before its answer is old.
  [[nodiscard]] std::optional<std::vector<std::uint8_t>> open_answer(const HelloAnswer& answer);

  // Begins the window after this counter: for a session that its first datagram has proved.
  void begin_window(std::uint64_t counter) { replay_ = GossipReplay(counter); }

 private:
  Key sending_;
  Key receiving_;
  BootId peer_boot_;
  std::uint64_t sending_hint_;
  std::uint64_t receiving_hint_;
  GossipReplay replay_;
};

// The first bytes of an identity, as a datagram's sender names itself.
[[nodiscard]] std::uint64_t sender_hint(const Identity& identity);

}  // namespace xm
