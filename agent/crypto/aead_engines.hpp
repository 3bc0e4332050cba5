// What the engines behind aead.hpp share among themselves. Nobody outside agent/crypto needs it.
#pragma once

#include <cstring>
#include <memory>

#include "agent/crypto/aead.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// Each is an error, with the reason, where the build, the library, the CPU or the kernel cannot.
[[nodiscard]] Result<std::unique_ptr<AeadEngine>> make_ipsec_mb_engine();
[[nodiscard]] Result<std::unique_ptr<AeadEngine>> make_sodium_engine();
[[nodiscard]] Result<std::unique_ptr<AeadEngine>> make_openssl_engine();
[[nodiscard]] Result<std::unique_ptr<AeadEngine>> make_boringssl_engine();
[[nodiscard]] Result<std::unique_ptr<AeadEngine>> make_af_alg_engine();

// What a seal does when its library reports a failure: the output becomes zeroes, which no receiver
// accepts, since it may still hold plaintext and the caller is about to send it.
inline void blank_sealed(const AeadJob& job) {
  std::memset(job.out, 0, job.length + kAeadTagSize);
}

}  // namespace xm
