// Trust and configuration from the disk, and what is learnt back to it.
#include <utility>

#include "agent/node_mesh.hpp"
#include "agent/store/config_file.hpp"
#include "xdpmesh/log.hpp"

namespace xm {

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
  carry_out(at);
  set_network(at.now);  // what kept it from being set may be mended
}

// What cannot change while the node runs stays as it was, and is said.
void NodeMesh::reload_config(const Moment& at) {
  auto loaded = load_config_file(setup_.place.config_path());
  if (!loaded) {
    if (config_fault_ != loaded.error().what) {
      log::error("mesh: the configuration stays as it was: " + loaded.error().what);
    }
    config_fault_ = loaded.error().what;
    return;
  }
  auto peers = static_peers(loaded->config);
  if (!peers) {
    config_fault_ = peers.error().what;
    log::error("mesh: the configuration stays as it was: " + config_fault_);
    return;
  }
  config_fault_.clear();
  const MeshConfig old = std::exchange(setup_.config, std::move(loaded->config));
  const MeshConfig& now = setup_.config;
  if (old.mesh != now.mesh || old.ipv4_prefix != now.ipv4_prefix ||
      old.listen_port != now.listen_port || old.mtu != now.mtu || old.workers != now.workers) {
    config_fault_ =
        "mesh, ipv4_prefix, listen_port, interface.mtu and interface.workers take effect with the "
        "next start: xdp-mesh down, then up";
    log::info("mesh: " + config_fault_);
    setup_.config.mesh = old.mesh;
    setup_.config.ipv4_prefix = old.ipv4_prefix;
    setup_.config.listen_port = old.listen_port;
  }
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
