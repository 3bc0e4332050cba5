#include "agent/mesh/gossip_session.hpp"

#include <algorithm>

#include "agent/crypto/blake2b.hpp"
#include "agent/crypto/chacha.hpp"

namespace xm {
namespace {

constexpr std::size_t kTagSize = 16;

struct Direction {
  const Identity& sender;
  const Identity& receiver;
  const BootId& sender_boot;
  const BootId& receiver_boot;
};

Key direction_key(const Key& shared, std::string_view mesh, const Direction& way) {
  const std::array<std::uint8_t, 1> length{static_cast<std::uint8_t>(mesh.size())};
  return blake2b_key(shared.expose(),
                     {bytes_of("xdp-mesh gossip key"), length, bytes_of(mesh), way.sender.key,
                      way.receiver.key, way.sender_boot, way.receiver_boot});
}

std::uint64_t hint_of(const Key& key) {
  const Mac16 mac = blake2b_mac(key.expose(), {bytes_of("xdp-mesh gossip session hint")});
  return load_le64(mac.data());
}

XNonce nonce_of_counter(std::uint64_t counter) {
  XNonce nonce{};
  store_le64(nonce.data() + 16, counter);
  return nonce;
}

std::optional<std::vector<std::uint8_t>> open_sealed(const Key& key, std::uint64_t counter,
                                                     Bytes aad, Bytes sealed) {
  if (sealed.size() < kTagSize) return std::nullopt;
  std::vector<std::uint8_t> plaintext(sealed.size() - kTagSize);
  if (!xopen_with_aad(key, nonce_of_counter(counter), aad, sealed, plaintext)) return std::nullopt;
  return plaintext;
}

}  // namespace

bool GossipReplay::accept(std::uint64_t counter) {
  if (counter == UINT64_MAX) return false;  // has no successor
  if (counter >= next_) {
    // The bits of what is skipped are those of counters a window ago.
    const std::uint64_t skipped = std::min(counter - next_ + 1, kWindow);
    for (std::uint64_t i = 0; i < skipped; ++i) {
      const std::uint64_t cleared = counter - i;
      seen_[cleared / 64 % seen_.size()] &= ~(std::uint64_t{1} << (cleared % 64));
    }
    next_ = counter + 1;
  } else if (next_ - counter > kWindow) {
    return false;
  }
  std::uint64_t& word = seen_[counter / 64 % seen_.size()];
  const std::uint64_t bit = std::uint64_t{1} << (counter % 64);
  if ((word & bit) != 0) return false;
  word |= bit;
  return true;
}

GossipSession::GossipSession(const Key& shared, const Ends& ends)
    : sending_(
          direction_key(shared, ends.mesh, {ends.self, ends.peer, ends.own_boot, ends.peer_boot})),
      receiving_(
          direction_key(shared, ends.mesh, {ends.peer, ends.self, ends.peer_boot, ends.own_boot})),
      peer_boot_(ends.peer_boot),
      sending_hint_(hint_of(sending_)),
      receiving_hint_(hint_of(receiving_)) {}

std::vector<std::uint8_t> GossipSession::seal(const Identity& self, Bytes payload,
                                              std::uint64_t counter, const Key& mac_key) const {
  SealedEnvelope datagram{sender_hint(self), sending_hint_, counter, {}};
  std::vector<std::uint8_t> sealed(payload.size() + kTagSize);
  xseal_with_aad(sending_, nonce_of_counter(counter), sealed_aad(datagram), payload, sealed);
  datagram.sealed = sealed;
  return write_sealed(datagram, mac_key);
}

std::optional<std::vector<std::uint8_t>> GossipSession::open(const SealedEnvelope& datagram) {
  auto payload = open_sealed(receiving_, datagram.counter, sealed_aad(datagram), datagram.sealed);
  if (!payload || !replay_.accept(datagram.counter)) return std::nullopt;
  return payload;
}

std::vector<std::uint8_t> GossipSession::seal_answer(const HelloAnswer& answer,
                                                     Bytes plaintext) const {
  std::vector<std::uint8_t> sealed(plaintext.size() + kTagSize);
  xseal_with_aad(sending_, nonce_of_counter(answer.counter), answer_aad(answer), plaintext, sealed);
  return sealed;
}

std::optional<std::vector<std::uint8_t>> GossipSession::open_answer(const HelloAnswer& answer) {
  auto body = open_sealed(receiving_, answer.counter, answer_aad(answer), answer.sealed);
  if (body && answer.counter != UINT64_MAX) begin_window(answer.counter);
  return body;
}

std::uint64_t sender_hint(const Identity& identity) {
  return load_le64(identity.key.data());
}

}  // namespace xm
