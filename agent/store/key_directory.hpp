// The directory that holds a machine's keys and whom it trusts:
//
//   node.key                  0600, agent/mesh/key_file.hpp: this node's identity
//   node.certificate          an organisation's word for it (armour, kind "certificate"), if any
//   organisation.key          0600, on the machine of who runs an organisation
//   delegate.key              0600, and delegate.certificate, on that of a delegate
//   authorized_keys/          nodes that are trusted one by one   } agent/mesh/trust_text.hpp
//   orgs/                     organisations that are trusted      }
//   revocations/              what organisations revoked, and whom this machine denies
//
// /etc/xdp-mesh for root, $XDG_CONFIG_HOME/xdp-mesh (~/.config/xdp-mesh) for others. Keys that
// others could read and trust that others could write are refused, with the command that mends it.
// Any thread; two programs may use a directory at once: every file is replaced whole.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/mesh/certificate.hpp"
#include "agent/mesh/identity.hpp"
#include "agent/mesh/revocation.hpp"
#include "agent/mesh/trust.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

class KeyDirectory {
 public:
  explicit KeyDirectory(std::string path) : path_(std::move(path)) {}

  // Where it is unless somebody says otherwise; an error when no variable says where home is.
  [[nodiscard]] static Result<std::string> default_path(
      bool is_root, const std::function<std::optional<std::string>(const char*)>& environment);

  [[nodiscard]] const std::string& path() const { return path_; }

  // Makes the directory (0700) and the three in it (0755), unless they are there.
  [[nodiscard]] Status create() const;

  // Makes a key; one that is there stays and is an error: with it the node would be another.
  [[nodiscard]] Status put_key(KeyKind kind, const SigningKey& key) const;
  [[nodiscard]] Result<SigningKey> load_key(KeyKind kind) const;

  // node.certificate or delegate.certificate. Nothing when there is none.
  [[nodiscard]] Status put_chain(KeyKind kind, const CertificateChain& chain) const;
  [[nodiscard]] Result<std::optional<CertificateChain>> load_chain(KeyKind kind) const;

  // Everything for TrustStore::load(). A file that cannot be read counts as a faulty one, so that
  // it takes trust away; why it cannot is then in its name.
  [[nodiscard]] TrustFiles load_trust() const;

  // Trusts a node or an organisation, in a file of its own; replaces what was said of it before,
  // and takes a denial back.
  [[nodiscard]] Status put_trust(const TrustEntry& entry) const;
  // Whether it was trusted; then it no longer is. A file with other keys keeps those.
  [[nodiscard]] Result<bool> remove_trust(KeyKind kind, const VerifyKey& key) const;
  // Shuts a node out whoever vouches for it.
  [[nodiscard]] Status put_denial(const Identity& identity) const;

  [[nodiscard]] Status put_revocation(const SignedRevocation& revocation) const;

 private:
  [[nodiscard]] std::string in(std::string_view name) const {
    return path_ + "/" + std::string(name);
  }
  [[nodiscard]] std::string denial_path(const Identity& identity) const;
  void load_files(std::string_view folder, std::vector<NamedText>& into) const;

  std::string path_;
};

// The text of a certificate for a file or a mail, with what it says as comments.
[[nodiscard]] std::string certificate_text(const SignedCertificate& certificate,
                                           const std::optional<SignedCertificate>& delegate);
[[nodiscard]] std::string revocation_text(const SignedRevocation& revocation);
// "2027-01-15 08:00:00 UTC".
[[nodiscard]] std::string utc_text(UnixSeconds at);

}  // namespace xm
