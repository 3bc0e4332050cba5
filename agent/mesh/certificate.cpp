#include "agent/mesh/certificate.hpp"

#include <algorithm>
#include <utility>

#include "agent/mesh/field_codec.hpp"
#include "agent/mesh/names.hpp"
#include "agent/mesh/record.hpp"
#include "agent/mesh/signed_bytes.hpp"

namespace xm {
namespace {

constexpr std::uint8_t kFormVersion = 1;
constexpr std::string_view kTag = "xdp-mesh certificate";

std::vector<std::uint8_t> encode_body(const Certificate& certificate) {
  ByteWriter out;
  out.u8(kFormVersion);
  out.u8(static_cast<std::uint8_t>(certificate.kind));
  out.bytes(certificate.issuer);
  out.bytes(certificate.subject);
  out.text(certificate.mesh);
  write_grants(out, certificate.grants);
  out.u64(static_cast<std::uint64_t>(certificate.life.issued));
  out.u64(static_cast<std::uint64_t>(certificate.life.expires));
  return out.take();
}

Error refused(const std::string& why) {
  return {"a certificate is refused: " + why};
}

std::string fault(const Certificate& certificate) {
  if (!certificate.mesh.empty() && !is_mesh_name(certificate.mesh)) {
    return "expected a mesh name of 1 to 32 a-z, 0-9 and \"-\", or none";
  }
  if (certificate.subject == certificate.issuer) return "it is for its own issuer";
  if (!certificate.life.is_sound()) return "expected it to be issued before it expires";
  if (certificate.life.length() > kMostCertificateLife) return "expected a life of at most 5 years";
  return {};
}

Result<Certificate> decode(Bytes bytes) {
  if (bytes.size() > kMaxCertificateSize || bytes.size() < kSignatureSize) {
    return refused("expected 64 to " + std::to_string(kMaxCertificateSize) + " bytes, got " +
                   std::to_string(bytes.size()));
  }
  ByteReader in(bytes.first(bytes.size() - kSignatureSize));
  if (const unsigned form = in.u8(); form != kFormVersion) {
    return refused("expected version 1 of its form, got " + std::to_string(form));
  }
  Certificate certificate;
  const unsigned kind = in.u8();
  if (kind != 1 && kind != 2) in.fail();
  certificate.kind = static_cast<CertificateKind>(kind);
  certificate.issuer = in.array<32>();
  certificate.subject = in.array<32>();
  certificate.mesh = in.text(kMaxMeshName);
  certificate.grants = read_grants(in);
  certificate.life.issued = static_cast<UnixSeconds>(in.u64());
  certificate.life.expires = static_cast<UnixSeconds>(in.u64());
  if (!in.complete()) return refused("its bytes are not in the one form a certificate has");
  if (const std::string why = fault(certificate); !why.empty()) return refused(why);
  return certificate;
}

void append_certificate(ByteWriter& out, const SignedCertificate& certificate) {
  out.u16(static_cast<std::uint16_t>(certificate.bytes().size()));
  out.bytes(certificate.bytes());
}

// Of one certificate of a chain: mesh and time.
std::string one_fault(const Certificate& certificate, const std::string& whose,
                      std::string_view mesh, UnixSeconds now) {
  if (!certificate.mesh.empty() && certificate.mesh != mesh) {
    return whose + " certificate is for another mesh";
  }
  if (certificate.life.issued > now + kClockTolerance) {
    return whose + " certificate is of the future";
  }
  if (now >= certificate.life.expires) return whose + " certificate has expired";
  return {};
}

// Why a delegate with the one certificate may not have signed the other.
std::string delegation_fault(const Certificate& delegate, const Certificate& member) {
  if (delegate.kind != CertificateKind::delegate) return "its issuer is no delegate";
  if (delegate.subject != member.issuer) return "the delegate's certificate is another's";
  if (!delegate.mesh.empty() && delegate.mesh != member.mesh) {
    return "the delegate may sign for the mesh " + delegate.mesh + " only";
  }
  if (!delegate.grants.covers(member.grants)) {
    return "the delegate granted more than it may";
  }
  if (member.life.expires > delegate.life.expires) {
    return "it outlives the certificate of the delegate who signed it";
  }
  return {};
}

}  // namespace

Result<SignedCertificate> SignedCertificate::sign(Certificate certificate, const SigningKey& key) {
  make_set(certificate.grants.names);
  make_set(certificate.grants.addresses);
  make_set(certificate.grants.subnets);
  if (verify_key(key) != certificate.issuer) {
    return refused("expected to sign with the key of its issuer");
  }
  if (!is_valid_verify_key(certificate.subject)) return refused("its subject is no key");
  for (const std::size_t size :
       {certificate.grants.names.size(), certificate.grants.addresses.size(),
        certificate.grants.subnets.size()}) {
    if (size > kMaxGrants) {
      return refused("expected at most 8 names, addresses and subnets each, got " +
                     std::to_string(size));
    }
  }
  if (const std::string why = fault(certificate); !why.empty()) return refused(why);
  auto bytes = sign_body(kTag, encode_body(certificate), key);
  if (bytes.size() > kMaxCertificateSize) {
    return refused("expected at most " + std::to_string(kMaxCertificateSize) + " bytes, got " +
                   std::to_string(bytes.size()) + ": it needs fewer or shorter grants");
  }
  // What others would refuse must not leave: host bits, a pattern that is none.
  if (const auto read_back = decode(bytes); !read_back) return read_back.error();
  return SignedCertificate(std::move(certificate), std::move(bytes));
}

Result<SignedCertificate> SignedCertificate::open(Bytes bytes) {
  auto certificate = decode(bytes);
  if (!certificate) return certificate.error();
  if (!signature_holds(kTag, bytes, certificate->issuer)) {
    return refused("its signature is not its issuer's");
  }
  return SignedCertificate(std::move(*certificate), {bytes.begin(), bytes.end()});
}

UnixSeconds CertificateChain::expires() const {
  const UnixSeconds own = member.certificate().life.expires;
  return delegate ? std::min(own, delegate->certificate().life.expires) : own;
}

std::vector<std::uint8_t> encode_chain(const CertificateChain& chain) {
  ByteWriter out;
  out.u8(chain.delegate ? 2 : 1);
  append_certificate(out, chain.member);
  if (chain.delegate) append_certificate(out, *chain.delegate);
  return out.take();
}

Result<CertificateChain> open_chain(Bytes bytes) {
  ByteReader in(bytes);
  const unsigned count = in.u8();
  if (count != 1 && count != 2) return refused("expected a chain of 1 or 2");
  const Bytes first = in.take(in.u16());
  const Bytes second = count == 2 ? in.take(in.u16()) : Bytes{};
  if (!in.complete()) return refused("its chain does not have the bytes that it says");
  auto member = SignedCertificate::open(first);
  if (!member) return member.error();
  CertificateChain chain{std::move(*member), std::nullopt};
  if (count == 1) return chain;
  auto delegate = SignedCertificate::open(second);
  if (!delegate) return delegate.error();
  chain.delegate = std::move(*delegate);
  return chain;
}

std::string chain_fault(const CertificateChain& chain, const Identity& identity,
                        std::string_view mesh, UnixSeconds now) {
  const Certificate& member = chain.member.certificate();
  if (member.kind != CertificateKind::member) return "its certificate is no member's";
  if (member.subject != identity.key) return "its certificate is another's";
  if (std::string why = one_fault(member, "its", mesh, now); !why.empty()) return why;
  if (!chain.delegate) return {};
  const Certificate& delegate = chain.delegate->certificate();
  if (std::string why = one_fault(delegate, "its delegate's", mesh, now); !why.empty()) {
    return why;
  }
  return delegation_fault(delegate, member);
}

}  // namespace xm
