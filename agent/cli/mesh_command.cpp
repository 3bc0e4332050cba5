#include "agent/cli/mesh_command.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "agent/cli/config_argument.hpp"
#include "agent/cli/options.hpp"
#include "agent/crypto/x25519.hpp"
#include "agent/ctl/base64.hpp"
#include "agent/mesh/armour.hpp"
#include "agent/store/config_file.hpp"
#include "agent/store/key_directory.hpp"
#include "agent/store/secure_file.hpp"
#include "xdpmesh/clock.hpp"

namespace xm {
namespace {

constexpr UnixSeconds kMemberLife = 90 * kDay;
constexpr UnixSeconds kDelegateLife = 365 * kDay;

using Output = Result<std::string>;  // what to print

UnixSeconds now() {
  return seconds_of(SystemClock().wall());
}

// --- what a person may write for a key: the key, or a file that has it
// --------------------------------

// What stands in a file or in the argument itself.
struct Subject {
  KeyKind kind = KeyKind::node;
  VerifyKey key{};
  std::string label;
};

Result<Subject> subject_of_key(std::string_view text) {
  const auto kind = key_kind_of(text);
  if (!kind) {
    return Error{"expected a key (xm1…, xo1…, xd1…) or a file that was exported, got '" +
                 std::string(text) + "'"};
  }
  const auto key = parse_key_text(*kind, text);
  if (!key) return key.error();
  return Subject{*kind, key.value(), {}};
}

// What `export` wrote. What it asks for beside its key is not its to say.
Result<Subject> subject_of_file(const std::string& path, std::string_view text) {
  for (const KeyKind kind : {KeyKind::node, KeyKind::organisation, KeyKind::delegate}) {
    const auto entries = parse_trust(kind, text);
    if (!entries) continue;
    if (entries.value().size() != 1 || entries.value()[0].has_grants) {
      return Error{path + ": expected one key and its label, as `xdp-mesh export` writes them"};
    }
    return Subject{kind, entries.value()[0].key, entries.value()[0].label};
  }
  return Error{path + ": " + parse_trust(KeyKind::node, text).error().what};
}

Result<Subject> subject_of(const std::string& what) {
  if (key_kind_of(what)) return subject_of_key(what);
  const auto text = read_trusted_file(what);
  if (!text && text.error().os_errno == ENOENT) return subject_of_key(what);
  if (!text) return text.error();
  return subject_of_file(what, text.value());
}

Result<Subject> subject_of_kind(const std::string& what, KeyKind kind) {
  auto subject = subject_of(what);
  if (!subject || subject->kind == kind) return subject;
  return Error{"expected the key of the kind \"" + std::string(key_kind_name(kind)) +
               "\", got one of the kind \"" + std::string(key_kind_name(subject->kind)) + "\""};
}

// --- keys and trust
// -----------------------------------------------------------------------------------

Output make_key(const KeyDirectory& keys, KeyKind kind) {
  SystemRandom random;
  const SigningKey key = generate_signing_key(random);
  if (const Status put = keys.put_key(kind, key); !put) return put.error();
  return key_text(kind, verify_key(key)) + "\n";
}

Output keygen(const MeshCommand&, const KeyDirectory& keys) {
  return make_key(keys, KeyKind::node);
}

Output org_keygen(const MeshCommand& command, const KeyDirectory& keys) {
  return make_key(keys, command.delegate ? KeyKind::delegate : KeyKind::organisation);
}

Output export_key(const MeshCommand& command, const KeyDirectory& keys) {
  const KeyKind kind = command.organisation ? KeyKind::organisation
                       : command.delegate   ? KeyKind::delegate
                                            : KeyKind::node;
  const auto key = keys.load_key(kind);
  if (!key) return key.error();
  std::string text =
      trust_text({{.kind = kind, .key = verify_key(key.value()), .label = {}, .grants = {}}});
  if (kind == KeyKind::node) {
    text += "# WireGuard's public key: " + to_base64(public_key(x25519_of(key.value()))) + "\n";
  }
  return text;
}

// A certificate is for one of the keys that are here.
Output take_certificate(const std::string& text, const KeyDirectory& keys) {
  const auto bytes = open_armour("certificate", text, kMaxChainSize);
  if (!bytes) return bytes.error();
  const auto chain = open_chain(bytes.value());
  if (!chain) return chain.error();
  const Certificate& certificate = chain.value().member.certificate();
  const KeyKind kind =
      certificate.kind == CertificateKind::member ? KeyKind::node : KeyKind::delegate;
  const auto key = keys.load_key(kind);
  if (!key) return key.error();
  if (verify_key(key.value()) != certificate.subject) {
    return Error{"expected a certificate for the key that is here, " +
                 key_text(kind, verify_key(key.value())) + ", got one for " +
                 key_text(kind, certificate.subject)};
  }
  if (now() >= chain.value().expires()) {
    return Error{"the certificate expired on " + utc_text(chain.value().expires()) +
                 ": ask for a new one"};
  }
  if (const Status put = keys.put_chain(kind, chain.value()); !put) return put.error();
  return "certificate of this " + std::string(key_kind_name(kind)) + ", until " +
         utc_text(chain.value().expires()) + "\n";
}

Output take_revocation(const std::string& text, const KeyDirectory& keys) {
  const auto bytes = open_armour("revocation", text, kRevocationSize);
  if (!bytes) return bytes.error();
  const auto revocation = SignedRevocation::open(bytes.value());
  if (!revocation) return revocation.error();
  const VerifyKey& organisation = revocation.value().revocation().organisation;
  TrustStore store;
  static_cast<void>(store.load(keys.load_trust()));  // faults are told by who asks for trust
  if (!store.trusts_organisation(organisation)) {
    return Error{"expected a revocation by an organisation that is trusted here, got one by " +
                 key_text(KeyKind::organisation, organisation)};
  }
  if (const Status put = keys.put_revocation(revocation.value()); !put) return put.error();
  return std::string("revocation taken in\n");
}

Output trust(const MeshCommand& command, const KeyDirectory& keys) {
  if (!key_kind_of(command.what)) {
    const auto text = read_trusted_file(command.what);
    if (text && text_kind(text.value()) == "certificate") {
      return take_certificate(text.value(), keys);
    }
    if (text && text_kind(text.value()) == "revocation") {
      return take_revocation(text.value(), keys);
    }
  }
  const auto subject = subject_of(command.what);
  if (!subject) return subject.error();
  const auto& [kind, key, label] = subject.value();
  if (kind == KeyKind::delegate) {
    return Error{"a delegate is trusted through its organisation: trust that, xo1…"};
  }
  if (command.organisation != (kind == KeyKind::organisation)) {
    return Error{command.organisation
                     ? "--org: expected the key of an organisation, xo1…"
                     : "this is the key of an organisation, whose members are trusted with it: "
                       "say --org if that is meant"};
  }
  TrustEntry entry{.kind = kind, .key = key, .label = label, .grants = command.grants};
  if (!command.label.empty()) entry.label = command.label;
  if (const Status put = keys.put_trust(entry); !put) return put.error();
  return "trusted: " + key_text(kind, key) + "\n";
}

Output revoke(const MeshCommand& command, const KeyDirectory& keys) {
  const auto subject = subject_of(command.what);
  if (!subject) return subject.error();
  const auto& [kind, key, label] = subject.value();
  if (kind == KeyKind::delegate) {
    return Error{"a delegate is revoked by its organisation: xdp-mesh org revoke"};
  }
  // The denial first: if the rest fails, the node is out already.
  if (kind == KeyKind::node) {
    if (const Status denied = keys.put_denial({key}); !denied) return denied.error();
  }
  const auto removed = keys.remove_trust(kind, key);
  if (!removed) return removed.error();
  if (kind == KeyKind::organisation && !removed.value()) {
    return Error{"this organisation was not trusted here"};
  }
  return "no longer trusted here: " + key_text(kind, key) + "\n";
}

// --- an organisation
// ----------------------------------------------------------------------------------

// Prints a text, or writes it to --out.
Output deliver(const MeshCommand& command, std::string text) {
  if (command.out.empty()) return text;
  if (const Status put = write_file_atomically(command.out, text, 0644); !put) return put.error();
  return std::string();
}

Certificate certificate_of(const MeshCommand& command, CertificateKind kind,
                           const SigningKey& issuer, const VerifyKey& subject) {
  Certificate certificate;
  certificate.kind = kind;
  certificate.issuer = verify_key(issuer);
  certificate.subject = subject;
  certificate.mesh = command.mesh;
  certificate.grants = command.grants;
  const UnixSeconds standard = kind == CertificateKind::member ? kMemberLife : kDelegateLife;
  certificate.life.issued = now();
  certificate.life.expires =
      command.until != 0
          ? command.until
          : certificate.life.issued + (command.days != 0 ? command.days * kDay : standard);
  return certificate;
}

Output sign_as_delegate(const MeshCommand& command, const KeyDirectory& keys,
                        const VerifyKey& subject) {
  const auto key = keys.load_key(KeyKind::delegate);
  if (!key) return key.error();
  auto delegate = keys.load_chain(KeyKind::delegate);
  if (!delegate) return delegate.error();
  if (!delegate->has_value()) {
    return Error{keys.path() +
                 "/delegate.certificate: there is none; ask the organisation for one "
                 "(xdp-mesh org delegate) and take it in with `xdp-mesh trust FILE`"};
  }
  const SignedCertificate& own = (*delegate)->member;
  Certificate certificate = certificate_of(command, CertificateKind::member, key.value(), subject);
  // Without a wish to the contrary it is as wide as the delegate may make it.
  if (certificate.mesh.empty()) certificate.mesh = own.certificate().mesh;
  if (command.days == 0 && command.until == 0) {
    certificate.life.expires = std::min(certificate.life.expires, own.certificate().life.expires);
  }
  auto made = SignedCertificate::sign(certificate, key.value());
  if (!made) return made.error();
  const CertificateChain chain{std::move(*made), own};
  // Others would refuse what oversteps the limits: say so now.
  const std::string fault = chain_fault(chain, {subject}, certificate.mesh, now());
  if (!fault.empty()) return Error{"others would refuse this certificate: " + fault};
  return deliver(command, certificate_text(chain.member, chain.delegate));
}

Output org_sign(const MeshCommand& command, const KeyDirectory& keys) {
  const auto subject = subject_of_kind(command.what, KeyKind::node);
  if (!subject) return subject.error();
  if (command.delegate) return sign_as_delegate(command, keys, subject.value().key);
  const auto key = keys.load_key(KeyKind::organisation);
  if (!key && key.error().os_errno == ENOENT && keys.load_key(KeyKind::delegate)) {
    return sign_as_delegate(command, keys, subject.value().key);
  }
  if (!key) return key.error();
  const auto made = SignedCertificate::sign(
      certificate_of(command, CertificateKind::member, key.value(), subject.value().key),
      key.value());
  if (!made) return made.error();
  return deliver(command, certificate_text(made.value(), std::nullopt));
}

Output org_delegate(const MeshCommand& command, const KeyDirectory& keys) {
  const auto subject = subject_of_kind(command.what, KeyKind::delegate);
  if (!subject) return subject.error();
  const auto key = keys.load_key(KeyKind::organisation);
  if (!key) return key.error();
  const auto made = SignedCertificate::sign(
      certificate_of(command, CertificateKind::delegate, key.value(), subject.value().key),
      key.value());
  if (!made) return made.error();
  return deliver(command, certificate_text(made.value(), std::nullopt));
}

Output org_revoke(const MeshCommand& command, const KeyDirectory& keys) {
  const auto subject = subject_of(command.what);
  if (!subject) return subject.error();
  if (subject.value().kind == KeyKind::organisation) {
    return Error{"an organisation is no longer trusted with `xdp-mesh revoke`, on each machine"};
  }
  const auto key = keys.load_key(KeyKind::organisation);
  if (!key) return key.error();
  const auto made = SignedRevocation::sign(subject.value().key, now(), key.value());
  if (!made) return made.error();
  // Kept here too: a node on this machine passes it on.
  if (const Status put = keys.put_revocation(made.value()); !put) return put.error();
  return deliver(command, revocation_text(made.value()));
}

// --- configuration
// ------------------------------------------------------------------------------------

Output config_check(const MeshCommand& command, const KeyDirectory& keys) {
  const std::string path = config_path(command.what, command.directory);
  const auto config = load_named_config(path);
  if (!config) return config.error();
  if (const std::string& named = config.value().config.private_key_file; !named.empty()) {
    const auto identity = keys.load_key(KeyKind::node);
    if (!identity) return identity.error();
    const Status same = check_private_key_file(named, identity.value());
    if (!same) return same.error();
  }
  if (const auto keys_of_peers = load_preshared_keys(config.value().config); !keys_of_peers) {
    return keys_of_peers.error();
  }
  return path + ": right\n";
}

Output config_show(const MeshCommand& command, const KeyDirectory&) {
  if (command.defaults) return documented_defaults();
  const auto config = load_named_config(config_path(command.what, command.directory));
  if (!config) return config.error();
  return config.value().text;
}

using Run = Output (*)(const MeshCommand&, const KeyDirectory&);
// In the order of MeshCommand::Action.
constexpr std::array<Run, 10> kRuns{keygen,   export_key,   trust,      revoke,       org_keygen,
                                    org_sign, org_delegate, org_revoke, config_check, config_show};
static_assert(kRuns.size() == static_cast<std::size_t>(MeshCommand::Action::config_show) + 1);

}  // namespace

int run_mesh_command(const MeshCommand& command, std::FILE* out, std::FILE* err) {
  const Output output =
      kRuns.at(static_cast<std::size_t>(command.action))(command, KeyDirectory(command.directory));
  if (!output) {
    std::fprintf(err, "xdp-mesh: %s\n", output.error().what.c_str());
    return 1;
  }
  std::fputs(output.value().c_str(), out);
  return std::fflush(out) == 0 ? 0 : 1;
}

}  // namespace xm
