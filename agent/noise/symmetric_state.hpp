// Noise's SymmetricState with its CipherState (The Noise Protocol Framework, revision 34, 5.1 and
// 5.2) for 25519_ChaChaPoly_BLAKE2s: the running hash of the transcript, the chaining key, and the
// key that seals the next field. handshake.cpp spells out on it what WireGuard sends.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "agent/crypto/secret.hpp"
#include "xdpmesh/bytes.hpp"

namespace xm {

class SymmetricState {
 public:
  // Nothing yet: only to be assigned to.
  SymmetricState() = default;
  // `protocol_name` is longer than 32 bytes, as all names of this suite are: it is hashed.
  SymmetricState(std::string_view protocol_name, Bytes prologue);

  [[nodiscard]] SymmetricState clone() const;

  void mix_hash(Bytes data);
  void mix_key(Bytes input);
  void mix_key_and_hash(Bytes input);

  // `out` has plaintext.size() + 16 bytes, and the ciphertext goes into the hash.
  void encrypt_and_hash(Bytes plaintext, MutableBytes out);
  // `out` has sealed.size() - 16 bytes. False when the tag does not verify: the state is then
  // unchanged and `out` not to be looked at.
  [[nodiscard]] bool decrypt_and_hash(Bytes sealed, MutableBytes out);

  // The two transport keys: what the initiator sends under, then what it receives under.
  [[nodiscard]] std::array<Key, 2> split() const;

 private:
  Key hash_;
  Key chaining_key_;
  Key key_;
  std::uint64_t nonce_ = 0;  // of key_; back to 0 with every new key
};

}  // namespace xm
