// Certificate chains and revocations from outside, as bytes; and all the mesh's text files. What is
// opened is spelt the same when it is written again, and never widens.
#include <cstdlib>
#include <string_view>

#include "agent/mesh/armour.hpp"
#include "agent/mesh/certificate.hpp"
#include "agent/mesh/key_file.hpp"
#include "agent/mesh/revocation.hpp"
#include "agent/mesh/text_lines.hpp"
#include "agent/mesh/trust.hpp"
#include "agent/mesh/trust_text.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool same(xm::Bytes a, xm::Bytes b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin());
}

void check_chain(xm::Bytes bytes) {
  const auto chain = xm::open_chain(bytes);
  if (!chain) return;
  require(same(xm::encode_chain(chain.value()), bytes));
  if (!chain.value().delegate) return;
  const auto& member = chain.value().member.certificate();
  const auto& delegate = chain.value().delegate->certificate();
  const std::string fault =
      xm::chain_fault(chain.value(), {member.subject}, member.mesh, member.life.expires - 1);
  require(!fault.empty() || delegate.grants.covers(member.grants));
}

void check_texts(std::string_view text) {
  for (const auto kind : {xm::KeyKind::node, xm::KeyKind::organisation, xm::KeyKind::delegate}) {
    static_cast<void>(xm::parse_key_file(kind, text));
    const auto key = xm::parse_key_text(kind, text);
    require(!key || xm::key_text(kind, key.value()) == text);
    const auto entries = xm::parse_trust(kind, text);
    if (!entries) continue;
    const auto again = xm::parse_trust(kind, xm::trust_text(entries.value()));
    require(again.ok() && again.value() == entries.value());
  }
  for (const std::string_view kind : {"certificate", "revocation", "counter"}) {
    const auto bytes = xm::open_armour(kind, text, xm::kMaxChainSize);
    if (!bytes) continue;
    const auto again = xm::open_armour(kind, xm::armour(kind, bytes.value()), xm::kMaxChainSize);
    require(again.ok() && again.value() == bytes.value());
  }
  static_cast<void>(xm::parse_denial(text));
  static_cast<void>(xm::text_kind(text));
  // Whatever a revocation file holds, it makes nobody a member.
  xm::TrustStore store;
  static_cast<void>(store.load({{}, {}, {{"file", std::string(text)}}}));
  require(store.is_empty() && store.revocations().empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const xm::Bytes bytes(data, size);
  check_chain(bytes);
  static_cast<void>(xm::SignedCertificate::open(bytes));
  const auto revocation = xm::SignedRevocation::open(bytes);
  require(!revocation || same(revocation.value().bytes(), bytes));
  check_texts({reinterpret_cast<const char*>(data), size});
  return 0;
}
