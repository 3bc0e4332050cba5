// Trust and configuration from the disk, and what is learnt back to it.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/node_mesh.hpp"
#include "agent/store/config_file.hpp"
#include "xdpmesh/log.hpp"

namespace xm {
namespace {

// Empty: the next start changes nothing.
std::string next_start_fault(const std::vector<std::string_view>& keys) {
  std::string names;
  for (const std::string_view key : keys) {
    if (!names.empty()) names += ", ";
    names += key;
  }
  if (names.empty()) return {};
  return "changes of " + names + " take effect with the next start: xdp-mesh down, then up";
}

}  // namespace

TrustFiles NodeMesh::load_trust() {
  return keys_.load_trust();
}

// A certificate that cannot be read vouches for nobody: the node goes on without it.
std::optional<CertificateChain> NodeMesh::load_chain() {
  auto chain = keys_.load_chain(KeyKind::node);
  certificate_fault_ = chain ? std::string() : chain.error().what;
  if (!certificate_fault_.empty()) log::error("mesh: " + certificate_fault_);
  certificate_expires_.reset();
  if (chain && *chain) certificate_expires_ = (*chain)->expires();
  return chain ? std::move(*chain) : std::nullopt;
}

void NodeMesh::reload(const Moment& at) {
  mesh_->reload_trust(load_trust(), load_chain(), at);
  reload_config(at);
  hosts_.note(at.now);
  network_at_ = at.now;  // what kept it from being set may be mended
  carry_out(at);
}

// What cannot change while the node runs stays as it was, and is said.
void NodeMesh::reload_config(const Moment& at) {
  const std::string before = std::exchange(config_fault_, {});
  auto loaded = load_config_file(setup_.place.config_path());
  auto peers = loaded ? static_peers(loaded->config) : loaded.error();
  if (!peers) {
    config_fault_ = "the configuration stays as it was: " + peers.error().what;
    if (config_fault_ != before) log::error("mesh: " + config_fault_);
    return;
  }
  const MeshConfig old = std::exchange(setup_.config, std::move(loaded->config));
  const MeshConfig& now = setup_.config;
  config_fault_ = next_start_fault(keep_until_start(setup_.config, old));
  if (!config_fault_.empty() && config_fault_ != before) log::info("mesh: " + config_fault_);
  peers_.set_static(std::move(*peers), at);
  mesh_->reconfigure(mesh_options(setup_.config), at);
  if (old.seeds != now.seeds || old.stun_servers != now.stun_servers || old.peers != now.peers ||
      old.resolve_seconds != now.resolve_seconds) {
    names_->set(setup_.config, at.now);
  }
}

void NodeMesh::keep(const SignedRevocation& revocation) {
  if (Status put = keys_.put_revocation(revocation); !put) {
    log::error("mesh: a revocation holds, but is not kept for the next start: " + put.error().what);
  }
}

}  // namespace xm
