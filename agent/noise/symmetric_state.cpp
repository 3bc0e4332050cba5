#include "agent/noise/symmetric_state.hpp"

#include <utility>

#include "agent/crypto/blake2s.hpp"
#include "agent/crypto/chacha.hpp"
#include "agent/crypto/kdf.hpp"

namespace xm {
namespace {

// The hash of a transcript tells nothing once it is public, but while a handshake lasts parts of it
// are secret: kept and wiped like a key.
Key hash_of(Parts parts) {
  Hash hash = blake2s(parts);
  Key secret{std::span<const std::uint8_t, 32>(hash)};
  sodium_memzero(hash.data(), hash.size());
  return secret;
}

Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

SymmetricState::SymmetricState(std::string_view protocol_name, Bytes prologue)
    : hash_(hash_of({bytes_of(protocol_name)})), chaining_key_(hash_.clone()) {
  mix_hash(prologue);
}

SymmetricState SymmetricState::clone() const {
  SymmetricState copy;
  copy.hash_ = hash_.clone();
  copy.chaining_key_ = chaining_key_.clone();
  copy.key_ = key_.clone();
  copy.nonce_ = nonce_;
  return copy;
}

void SymmetricState::mix_hash(Bytes data) {
  hash_ = hash_of({hash_.expose(), data});
}

void SymmetricState::mix_key(Bytes input) {
  std::array<Key, 2> derived = kdf2(chaining_key_, input);
  chaining_key_ = std::move(derived[0]);
  key_ = std::move(derived[1]);
  nonce_ = 0;
}

void SymmetricState::mix_key_and_hash(Bytes input) {
  std::array<Key, 3> derived = kdf3(chaining_key_, input);
  chaining_key_ = std::move(derived[0]);
  mix_hash(derived[1].expose());
  key_ = std::move(derived[2]);
  nonce_ = 0;
}

void SymmetricState::encrypt_and_hash(Bytes plaintext, MutableBytes out) {
  seal_with_aad(key_, nonce_, hash_.expose(), plaintext, out);
  ++nonce_;
  mix_hash(out);
}

bool SymmetricState::decrypt_and_hash(Bytes sealed, MutableBytes out) {
  if (!open_with_aad(key_, nonce_, hash_.expose(), sealed, out)) return false;
  ++nonce_;
  mix_hash(sealed);
  return true;
}

std::array<Key, 2> SymmetricState::split() const {
  return kdf2(chaining_key_, {});
}

}  // namespace xm
