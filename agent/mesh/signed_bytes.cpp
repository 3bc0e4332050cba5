#include "agent/mesh/signed_bytes.hpp"

#include <algorithm>

namespace xm {
namespace {

std::vector<std::uint8_t> tagged(std::string_view tag, Bytes body) {
  ByteWriter message;
  message.bytes(bytes_of(tag));
  message.u8(0);
  message.bytes(body);
  return message.take();
}

}  // namespace

std::vector<std::uint8_t> sign_body(std::string_view tag, Bytes body, const SigningKey& key) {
  ByteWriter out;
  out.bytes(body);
  out.bytes(sign(key, tagged(tag, body)));
  return out.take();
}

bool signature_holds(std::string_view tag, Bytes signed_bytes, const VerifyKey& key) {
  if (signed_bytes.size() < kSignatureSize) return false;
  const Bytes body = signed_bytes.first(signed_bytes.size() - kSignatureSize);
  Signature signature;
  std::copy(signed_bytes.end() - kSignatureSize, signed_bytes.end(), signature.begin());
  return verify(key, tagged(tag, body), signature);
}

}  // namespace xm
