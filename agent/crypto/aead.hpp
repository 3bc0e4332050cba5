// Bulk ChaCha20-Poly1305 (RFC 8439) as WireGuard uses it: 96-bit nonce = four zero bytes, then the
// counter in little-endian; no associated data. Several engines behind one face, chosen at start.
//
// Thread: an engine belongs to one thread; every worker makes its own. No call allocates.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/crypto/secret.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

inline constexpr std::size_t kAeadTagSize = 16;

// One packet. `in` and `out` are equal (in place) or do not overlap.
struct AeadJob {
  std::uint64_t counter = 0;
  const std::uint8_t* in = nullptr;
  std::uint8_t* out = nullptr;
  // Of the plaintext for seal (out takes length + 16 bytes); of ciphertext and tag for open, ≥ 16
  // (out takes length - 16 bytes).
  std::uint32_t length = 0;
  // Set by open: the tag verified. When false, what stands at `out` must not be looked at.
  bool ok = false;
};

class AeadEngine {
 public:
  virtual ~AeadEngine() = default;
  // All jobs of a call are under one key.
  virtual void seal(const Key& key, std::span<AeadJob> jobs) = 0;
  virtual void open(const Key& key, std::span<AeadJob> jobs) = 0;
  // "ipsec-mb (AVX2)", "libsodium", "openssl": what status shows.
  [[nodiscard]] virtual std::string description() const = 0;
};

enum class AeadKind : std::uint8_t { ipsec_mb, libsodium, openssl, boringssl, af_alg };

// All of them, in the order of preference where nothing has been measured.
inline constexpr std::array kAeadKinds = {AeadKind::ipsec_mb, AeadKind::boringssl,
                                          AeadKind::openssl, AeadKind::libsodium, AeadKind::af_alg};

[[nodiscard]] std::string_view aead_name(AeadKind kind);
[[nodiscard]] std::optional<AeadKind> parse_aead_name(std::string_view name);

// The kinds that this build, this CPU and this kernel can run. libsodium is always among them.
[[nodiscard]] std::vector<AeadKind> available_aead_kinds();

// An error when the kind is not in available_aead_kinds(), with the reason.
[[nodiscard]] Result<std::unique_ptr<AeadEngine>> make_aead_engine(AeadKind kind);

// Which engine serves which size: jobs of at most `small_limit` bytes go to `small`, others to
// `large`.
struct AeadChoice {
  AeadKind small = AeadKind::libsodium;
  AeadKind large = AeadKind::libsodium;
  std::string reason;  // for status: "measured: 64 B …, 1424 B …" or "chosen by --aead"

  static constexpr std::uint32_t kSmallLimit = 256;
};

// Measures every available engine for a few milliseconds at 64 B and 1424 B and takes the fastest
// for each.
[[nodiscard]] AeadChoice measure_aead_engines();

// An engine that follows `choice`, batch by batch.
[[nodiscard]] Result<std::unique_ptr<AeadEngine>> make_chosen_engine(const AeadChoice& choice);

}  // namespace xm
