#include "agent/crypto/blake2b.hpp"

#include <sodium.h>

#include <cstdlib>

#include "agent/crypto/sodium_ready.hpp"

namespace xm {
namespace {

void hash_into(MutableBytes out, Bytes key, Parts parts) {
  if (key.size() > kBlake2bMaxKeySize) std::abort();
  sodium_ready();
  crypto_generichash_blake2b_state state;
  crypto_generichash_blake2b_init(&state, key.empty() ? nullptr : key.data(), key.size(),
                                  out.size());
  for (const Bytes part : parts) {
    crypto_generichash_blake2b_update(&state, part.data(), part.size());
  }
  crypto_generichash_blake2b_final(&state, out.data(), out.size());
  sodium_memzero(&state, sizeof state);
}

}  // namespace

Hash blake2b(Parts parts) {
  Hash out;
  hash_into(out, {}, parts);
  return out;
}

Key blake2b_key(Bytes key, Parts parts) {
  Key out;
  hash_into(out.expose_mutable(), key, parts);
  return out;
}

Mac16 blake2b_mac(Bytes key, Parts parts) {
  Mac16 out;
  hash_into(out, key, parts);
  return out;
}

}  // namespace xm
