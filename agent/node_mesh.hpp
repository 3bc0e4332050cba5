// The mesh of a running node: the pure Mesh with its files, names, sockets and the engine's peers.
//
//   node_mesh.cpp            inputs, and what the mesh wants done
//   node_mesh_files.cpp      trust and configuration from the disk, and back
//   node_mesh_seeds.cpp      seeds and other names, as they are found
//   node_mesh_lan.cpp        hellos to and from the local network
//   node_mesh_status.cpp     what it says of itself
//   node_mesh_peers, _paths, _names, _endpoints, _hosts, _memory, _setup: see there
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/ctl/mesh_status.hpp"
#include "agent/io/file_watcher.hpp"
#include "agent/io/kernel_network.hpp"
#include "agent/io/lan_listener.hpp"
#include "agent/io/poller.hpp"
#include "agent/mesh/mesh.hpp"
#include "agent/node_core.hpp"
#include "agent/node_mesh_endpoints.hpp"
#include "agent/node_mesh_hosts.hpp"
#include "agent/node_mesh_memory.hpp"
#include "agent/node_mesh_names.hpp"
#include "agent/node_mesh_paths.hpp"
#include "agent/node_mesh_peers.hpp"
#include "agent/node_mesh_setup.hpp"
#include "agent/node_peer_entry.hpp"
#include "agent/store/counter_file.hpp"
#include "agent/store/key_directory.hpp"

namespace xm {

// Thread: the control thread.
class NodeMesh final : public MeshSide {
 public:
  // All outlive it. `core` has it as its MeshSide until it is destroyed.
  struct Edges {
    Engine& engine;
    NodeCore& core;
    Random& random;
    std::unique_ptr<KernelNetwork> network;
    // Gives every socket that the tunnel sends from this mark, also those opened later; 0: none.
    // Called while actions are carried out, so it must not call back.
    std::function<Status(std::uint32_t mark)> set_mark;
  };

  // Reads trust, issues the first record. The interface is up when this returns.
  [[nodiscard]] static Result<std::unique_ptr<NodeMesh>> start(MeshSetup setup, Edges edges,
                                                               const Moment& at);
  ~NodeMesh() override;

  // --- inputs ---

  void on_datagram(Bytes datagram, const Source& source, const Moment& at) override;
  void on_endpoint_wanted(PeerId peer, const Moment& at) override;
  // The sockets are open on this port; the network around has changed.
  void network_changed(std::uint16_t port, const Moment& at);
  // SIGHUP, or files have changed: what is wrong with them is in status, and the old stays.
  void reload(const Moment& at);
  // To poll for reading.
  [[nodiscard]] int files_fd() const { return files_->fd(); }
  [[nodiscard]] int names_fd() const { return names_->fd(); }
  // -1: nobody is looked for in the local network.
  [[nodiscard]] int lan_fd() const { return lan_ ? lan_->fd() : -1; }
  void read_lan(const Moment& at);
  void read_files(const Moment& at) { files_->read(at.now); }
  void read_names(const Moment& at);
  // Once a turn of the loop, and at due().
  void tend(const Moment& at);
  [[nodiscard]] Instant due() const;
  // Says good-bye: the last thing that is sent.
  void leave(const Moment& at);

  [[nodiscard]] MeshStatus status(const Moment& at);
  [[nodiscard]] PeerNames peer_names() const { return xm::peer_names(mesh_->roster()); }

 private:
  NodeMesh(MeshSetup setup, Edges edges);

  // node_mesh.cpp
  [[nodiscard]] Status begin(const Moment& at);
  void carry_out(const Moment& at);
  void perform(MeshAction& action, const Moment& at);
  void on_member(const MemberChanged& change, const Moment& at);
  void offer_candidates(const Identity& member, Instant now);
  void tend_keepalives(const Moment& at);
  void follow_plan(const Moment& at);
  void set_network(Instant now);
  void on_session(const SessionBegan& session, const Moment& at);
  void tell_heard(const Moment& at);
  void send_requests(const Moment& at);

  // node_mesh_seeds.cpp
  [[nodiscard]] bool is_up(const SoughtSeed& sought) const;
  void contact_seed(std::size_t index, const Moment& at);
  void contact_next_seed(const Moment& at);
  void place_peer(std::size_t index, const Moment& at);
  // False: it is not trusted any more.
  bool contact_remembered(const MemberPlace& place, const Moment& at);

  // node_mesh_files.cpp
  [[nodiscard]] std::optional<CertificateChain> load_chain();
  [[nodiscard]] TrustFiles load_trust();
  void reload_config(const Moment& at);
  void keep(const SignedRevocation& revocation);

  // node_mesh_lan.cpp
  void greet_lan(const Moment& at);
  void send(const Endpoint& to, Bytes bytes, Instant now);

  MeshSetup setup_;
  KeyDirectory keys_;
  CounterFile incarnations_;
  CounterFile versions_;
  CounterFile salt_;
  Engine& engine_;
  NodeCore& core_;
  std::unique_ptr<KernelNetwork> network_;
  const std::function<Status(std::uint32_t)> set_mark_;
  std::unique_ptr<LanListener> lan_;  // null: not wanted
  std::unique_ptr<FileWatcher> files_;
  std::unique_ptr<MeshNames> names_;
  MeshEndpoints endpoints_;
  MeshPaths paths_;
  MeshPeers peers_;
  MeshHosts hosts_;
  MeshMemory memory_;
  std::unique_ptr<Mesh> mesh_;
  std::uint16_t port_ = 0;             // 0: the sockets are closed
  const Source* answering_ = nullptr;  // of the datagram at hand: its answer leaves where it came
  std::size_t next_seed_ = 0;
  Instant heard_at_;
  Instant keepalives_at_;
  Instant lan_at_ = kFarFuture;
  bool has_left_ = false;
  // What is wrong on this machine, until the next time that it is tried.
  std::string config_fault_;
  std::string certificate_fault_;
  std::optional<UnixSeconds> certificate_expires_;  // none: there is no certificate
  std::string network_fault_;
  Instant network_at_ = kFarFuture;  // when it is set again
};

}  // namespace xm
