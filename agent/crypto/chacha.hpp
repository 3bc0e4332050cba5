// One-shot AEAD with associated data, for handshakes and cookies: ChaCha20-Poly1305 (RFC 8439) and
// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), over libsodium. Data packets go through
// agent/crypto/aead.hpp instead.
//
// `out` of a seal has exactly plaintext.size() + 16 bytes, that of an open sealed.size() - 16;
// another size of a seal's is an error of the caller and aborts. `out` may start where the input
// starts. Any thread; nothing allocates.
#pragma once

#include <array>
#include <cstdint>

#include "agent/crypto/secret.hpp"
#include "xdpmesh/bytes.hpp"

namespace xm {

using XNonce = std::array<std::uint8_t, 24>;

// The 96-bit nonce is four zero bytes, then `counter` in little-endian.
void seal_with_aad(const Key& key, std::uint64_t counter, Bytes aad, Bytes plaintext,
                   MutableBytes out);

// False when the tag does not verify or the sizes do not fit; `out` is then not to be looked at.
[[nodiscard]] bool open_with_aad(const Key& key, std::uint64_t counter, Bytes aad, Bytes sealed,
                                 MutableBytes out);

void xseal_with_aad(const Key& key, const XNonce& nonce, Bytes aad, Bytes plaintext,
                    MutableBytes out);

// As open_with_aad().
[[nodiscard]] bool xopen_with_aad(const Key& key, const XNonce& nonce, Bytes aad, Bytes sealed,
                                  MutableBytes out);

}  // namespace xm
