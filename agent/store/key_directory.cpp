#include "agent/store/key_directory.hpp"

#include <array>
#include <cerrno>
#include <ctime>

#include "agent/mesh/armour.hpp"
#include "agent/mesh/key_file.hpp"
#include "agent/store/secure_file.hpp"

namespace xm {
namespace {

constexpr mode_t kPrivate = 0600;
constexpr mode_t kPublic = 0644;
constexpr std::string_view kRevocations = "revocations";

std::string_view folder_of(KeyKind kind) {
  return kind == KeyKind::organisation ? "orgs" : "authorized_keys";
}

std::string file_of(KeyKind kind, std::string_view extension) {
  return std::string(key_kind_name(kind)) + "." + std::string(extension);
}

Error named(const std::string& path, const Error& error) {
  return {path + ": " + error.what, error.os_errno};
}

// How to come by a key that is not there.
std::string advice(KeyKind kind) {
  switch (kind) {
    case KeyKind::organisation:
      return "make one: xdp-mesh org keygen";
    case KeyKind::delegate:
      return "make one: xdp-mesh org keygen --delegate";
    case KeyKind::node:
      break;
  }
  return "make one: xdp-mesh keygen";
}

}  // namespace

Result<std::string> KeyDirectory::default_path(
    bool is_root, const std::function<std::optional<std::string>(const char*)>& environment) {
  if (is_root) return std::string("/etc/xdp-mesh");
  if (const auto base = environment("XDG_CONFIG_HOME"); base && base->front() == '/') {
    return *base + "/xdp-mesh";
  }
  if (const auto home = environment("HOME")) return *home + "/.config/xdp-mesh";
  return Error{"expected HOME or XDG_CONFIG_HOME to say where your keys are: use --dir"};
}

Status KeyDirectory::create() const {
  // The parent may be missing in a new home; further up it is a slip of the pen.
  const std::size_t slash = path_.rfind('/');
  if (slash != std::string::npos && slash != 0) {
    if (Status parent = make_directory(path_.substr(0, slash), 0755); !parent) {
      // Its own rights matter less: /tmp and the like are somebody else's to keep.
      if (parent.error().os_errno != 0) return parent;
    }
  }
  if (Status made = make_directory(path_, 0700); !made) return made;
  for (const std::string_view folder :
       {folder_of(KeyKind::node), folder_of(KeyKind::organisation), kRevocations}) {
    if (Status made = make_directory(in(folder), 0755); !made) return made;
  }
  return {};
}

Status KeyDirectory::put_key(KeyKind kind, const SigningKey& key) const {
  if (Status made = create(); !made) return made;
  const std::string path = in(file_of(kind, "key"));
  Status written =
      write_file_atomically(path, key_file_text(kind, key), kPrivate, Existing::refuse);
  if (!written && written.error().os_errno == EEXIST) {
    return Error{path + ": there is a key, and it stays; to become another, move it away first",
                 EEXIST};
  }
  return written;
}

Result<SigningKey> KeyDirectory::load_key(KeyKind kind) const {
  const std::string path = in(file_of(kind, "key"));
  const auto text = read_private_file(path);
  if (!text) {
    if (text.error().os_errno != ENOENT) return text.error();
    return Error{path + ": there is no key; " + advice(kind), ENOENT};
  }
  if (const Status directory = check_directory(path_); !directory) return directory.error();
  auto key = parse_key_file(kind, text.value());
  if (!key) return named(path, key.error());
  return key;
}

Status KeyDirectory::put_chain(KeyKind kind, const CertificateChain& chain) const {
  if (Status made = create(); !made) return made;
  return write_file_atomically(in(file_of(kind, "certificate")),
                               certificate_text(chain.member, chain.delegate), kPublic);
}

Result<std::optional<CertificateChain>> KeyDirectory::load_chain(KeyKind kind) const {
  const std::string path = in(file_of(kind, "certificate"));
  const auto text = read_trusted_file(path);
  if (!text) {
    if (text.error().os_errno == ENOENT) return std::optional<CertificateChain>();
    return text.error();
  }
  const auto bytes = open_armour("certificate", text.value(), kMaxChainSize);
  if (!bytes) return named(path, bytes.error());
  auto chain = open_chain(bytes.value());
  if (!chain) return named(path, chain.error());
  return std::optional<CertificateChain>(std::move(*chain));
}

void KeyDirectory::load_files(std::string_view folder, std::vector<NamedText>& into) const {
  const std::string path = in(folder);
  const auto names = list_directory(path);
  if (!names) {
    into.push_back({names.error().what, {}});
    return;
  }
  if (names.value().empty()) return;
  if (const Status directory = check_directory(path); !directory) {
    into.push_back({directory.error().what, {}});
    return;
  }
  for (const std::string& name : names.value()) {
    std::string file = path;
    file.append("/").append(name);
    auto text = read_trusted_file(file);
    if (text) {
      into.push_back({file, std::move(*text)});
    } else {
      into.push_back({text.error().what, {}});
    }
  }
}

TrustFiles KeyDirectory::load_trust() const {
  TrustFiles files;
  load_files(folder_of(KeyKind::node), files.authorized_keys);
  load_files(folder_of(KeyKind::organisation), files.organisations);
  load_files(kRevocations, files.revocations);
  return files;
}

std::string KeyDirectory::denial_path(const Identity& identity) const {
  return in(kRevocations) + "/" + identity.to_string() + ".denied";
}

Status KeyDirectory::put_trust(const TrustEntry& entry) const {
  if (Status made = create(); !made) return made;
  if (const auto removed = remove_trust(entry.kind, entry.key); !removed) return removed.error();
  const std::string path = in(folder_of(entry.kind)) + "/" + key_text(entry.kind, entry.key);
  if (Status put = write_file_atomically(path, trust_text({entry}), kPublic); !put) return put;
  if (entry.kind != KeyKind::node) return {};
  const Status undenied = remove_file(denial_path({entry.key}));
  return undenied || undenied.error().os_errno == ENOENT ? Status() : undenied;
}

Result<bool> KeyDirectory::remove_trust(KeyKind kind, const VerifyKey& key) const {
  const std::string folder = in(folder_of(kind));
  const auto names = list_directory(folder);
  if (!names) return names.error();
  bool found = false;
  for (const std::string& name : names.value()) {
    std::string path = folder;
    path.append("/").append(name);
    const auto text = read_trusted_file(path);
    if (!text) return text.error();
    auto entries = parse_trust(kind, text.value());
    if (!entries) return named(path, entries.error());
    const std::size_t removed =
        std::erase_if(*entries, [&](const TrustEntry& entry) { return entry.key == key; });
    if (removed == 0) continue;
    found = true;
    const Status done = entries->empty()
                            ? remove_file(path)
                            : write_file_atomically(path, trust_text(*entries), kPublic);
    if (!done) return done.error();
  }
  return found;
}

Status KeyDirectory::put_denial(const Identity& identity) const {
  if (Status made = create(); !made) return made;
  return write_file_atomically(denial_path(identity), denial_text({identity}), kPublic);
}

Status KeyDirectory::put_revocation(const SignedRevocation& revocation) const {
  if (Status made = create(); !made) return made;
  const Revocation& what = revocation.revocation();
  // Whether the key is a node's or a delegate's is not said, and makes no difference.
  const std::string name = key_text(KeyKind::organisation, what.organisation) + "." +
                           key_text(KeyKind::node, what.key).substr(3);
  return write_file_atomically(in(kRevocations) + "/" + name, revocation_text(revocation), kPublic);
}

std::string utc_text(UnixSeconds at) {
  const std::time_t time = at;
  std::tm parts{};
  std::array<char, 64> text{};
  if (gmtime_r(&time, &parts) == nullptr) return "(no date)";
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts);
  return text.data();
}

std::string certificate_text(const SignedCertificate& certificate,
                             const std::optional<SignedCertificate>& delegate) {
  const Certificate& what = certificate.certificate();
  const bool is_member = what.kind == CertificateKind::member;
  std::string comment = is_member ? "member      " + key_text(KeyKind::node, what.subject)
                                  : "delegate    " + key_text(KeyKind::delegate, what.subject);
  comment += "\nsigned by   " +
             key_text(delegate ? KeyKind::delegate : KeyKind::organisation, what.issuer);
  if (!what.mesh.empty()) comment += "\nmesh        " + what.mesh;
  for (const std::string& name : what.grants.names) comment += "\nname        " + name;
  for (const Prefix& prefix : what.grants.addresses)
    comment += "\naddress     " + prefix.to_string();
  for (const Prefix& prefix : what.grants.subnets) comment += "\nsubnet      " + prefix.to_string();
  comment += "\nexpires     " + utc_text(what.life.expires);
  return armour("certificate", encode_chain({certificate, delegate}), comment);
}

std::string revocation_text(const SignedRevocation& revocation) {
  const Revocation& what = revocation.revocation();
  return armour("revocation", revocation.bytes(),
                "organisation " + key_text(KeyKind::organisation, what.organisation) +
                    "\nrevoked node " + key_text(KeyKind::node, what.key) + "\nor delegate  " +
                    key_text(KeyKind::delegate, what.key) + "\non           " +
                    utc_text(what.life.issued));
}

}  // namespace xm
