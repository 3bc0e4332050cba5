#include "agent/mesh/revocation.hpp"

#include <utility>

#include "agent/mesh/signed_bytes.hpp"

namespace xm {
namespace {

constexpr std::uint8_t kFormVersion = 1;
constexpr std::string_view kTag = "xdp-mesh revocation";

Error refused(const std::string& why) {
  return {"a revocation is refused: " + why};
}

}  // namespace

Result<Revocation> decode_revocation(Bytes bytes) {
  if (bytes.size() != kRevocationSize) {
    return refused("expected " + std::to_string(kRevocationSize) + " bytes, got " +
                   std::to_string(bytes.size()));
  }
  ByteReader in(bytes);
  if (const unsigned form = in.u8(); form != kFormVersion) {
    return refused("expected version 1 of its form, got " + std::to_string(form));
  }
  Revocation revocation;
  revocation.organisation = in.array<32>();
  revocation.key = in.array<32>();
  revocation.life.issued = static_cast<UnixSeconds>(in.u64());
  revocation.life.expires = static_cast<UnixSeconds>(in.u64());
  if (!revocation.life.is_sound() || revocation.life.length() != kRevocationLife) {
    return refused("expected a life of 5 years and a day");
  }
  return revocation;
}

Result<SignedRevocation> SignedRevocation::sign(const VerifyKey& key, UnixSeconds now,
                                                const SigningKey& organisation) {
  const Revocation revocation{verify_key(organisation), key, {now, now + kRevocationLife}};
  if (key == revocation.organisation) return refused("an organisation cannot revoke itself");
  ByteWriter out;
  out.u8(kFormVersion);
  out.bytes(revocation.organisation);
  out.bytes(revocation.key);
  out.u64(static_cast<std::uint64_t>(revocation.life.issued));
  out.u64(static_cast<std::uint64_t>(revocation.life.expires));
  auto bytes = sign_body(kTag, out.written(), organisation);
  if (const auto read_back = decode_revocation(bytes); !read_back) return read_back.error();
  return SignedRevocation(revocation, std::move(bytes));
}

Result<SignedRevocation> SignedRevocation::open(Bytes bytes) {
  const auto revocation = decode_revocation(bytes);
  if (!revocation) return revocation.error();
  if (!signature_holds(kTag, bytes, revocation.value().organisation)) {
    return refused("its signature is not the organisation's that it names");
  }
  return SignedRevocation(revocation.value(), {bytes.begin(), bytes.end()});
}

}  // namespace xm
