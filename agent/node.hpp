// The node: owns the device, the sockets, the workers and the control thread of one interface.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/crypto/random.hpp"
#include "agent/ctl/control_server.hpp"
#include "agent/ctl/controller.hpp"
#include "agent/ctl/metrics_server.hpp"
#include "agent/ctl/node_options.hpp"
#include "agent/ctl/uapi_server.hpp"
#include "agent/io/link_watcher.hpp"
#include "agent/io/network_watcher.hpp"
#include "agent/io/poller.hpp"
#include "agent/io/syscalls.hpp"
#include "agent/io/tun_device.hpp"
#include "agent/node_busy.hpp"
#include "agent/node_core.hpp"
#include "agent/node_mesh.hpp"
#include "agent/node_own_addresses.hpp"
#include "agent/node_pulse.hpp"
#include "agent/node_service.hpp"
#include "agent/node_sockets.hpp"
#include "agent/node_steering.hpp"
#include "agent/path/worker.hpp"
#include "agent/peer/engine.hpp"
#include "xdpmesh/grace.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// Runs until SIGTERM, SIGINT, SIGHUP, or the removal of the device or of the configuration socket;
// returns the exit code. `ready` is called exactly once: with success when the device exists and
// the configuration socket answers, or with what went wrong.
//
// The caller has blocked SIGTERM, SIGINT and SIGHUP and started no thread: the node takes them from
// a signalfd.
int run_node(const NodeOptions& options, const std::function<void(const Status&)>& ready);
// Likewise a node of a mesh, which is configured by its file alone, and reads that and its trust
// again on SIGHUP.
int run_mesh_node(const NodeOptions& options, MeshSetup setup,
                  const std::function<void(const Status&)>& ready);

// Thread: everything here on the control thread; the workers run from start() to the destructor.
class Node final : public Controller {
 public:
  // Opens the device and the sockets of the control side and starts the workers.
  [[nodiscard]] static Result<std::unique_ptr<Node>> create(
      const NodeOptions& options, std::optional<MeshSetup> mesh = std::nullopt);
  ~Node() override;

  // Until it is told to stop, or the device or the configuration socket is removed.
  void run();

  [[nodiscard]] Status apply(InterfaceChange&& change) override;
  [[nodiscard]] InterfaceView view() override;
  [[nodiscard]] StatusView status() override;
  [[nodiscard]] Result<AttachReply> attach(const AttachRequest& request) override;
  [[nodiscard]] Result<DetachReply> detach(const std::string& interface) override;
  void stop() override;
  [[nodiscard]] std::vector<AttachmentStatus> attachments() override;

 private:
  // What is decided before anything runs.
  struct Plan {
    NodeOptions options;
    std::size_t workers = 1;
    AeadChoice aead;
    IoChoice io;
  };

  Node(Plan plan, TunDevice tun, std::unique_ptr<WakeUp> wake, Poller poller,
       std::unique_ptr<AeadEngine> control_aead, bool has_mesh);

  // node_start.cpp
  [[nodiscard]] static Result<Plan> make_plan(const NodeOptions& options);
  [[nodiscard]] Status start_mesh(MeshSetup setup);
  [[nodiscard]] Status start_workers();
  [[nodiscard]] Status open_watchers();
  [[nodiscard]] Status open_servers();
  [[nodiscard]] Status attach_interfaces();
  [[nodiscard]] Status show_health();

  // node.cpp
  void serve(Poller::Token token, const Moment& at);
  void take_signal();
  [[nodiscard]] Instant next_wake_up() const;
  void follow_link(const Moment& at);
  void follow_network(const Moment& at);
  void choose_routes_anew(const Moment& at);
  [[nodiscard]] Status set_mark(std::uint32_t mark);
  void tend_mark(const Moment& at);
  void bring_up(const Moment& at);
  void take_down(const Moment& at);
  [[nodiscard]] Status change_port(std::uint16_t port);
  void tend_sockets(const Moment& at);
  void rank_peers();
  void tell_steering();
  void tend_pulse(Instant now);
  [[nodiscard]] UdpOptions udp_options() const;
  [[nodiscard]] Moment moment() const { return {clock_.now(), clock_.wall()}; }

  // node_status.cpp
  // What the TUN device is called now.
  [[nodiscard]] std::string tunnel_name() const;
  void describe_workers(StatusView& view) const;
  void describe_sockets(StatusView& view) const;
  void describe_peers(StatusView& view, Instant now);
  void describe_fallbacks(StatusView& view) const;

  // In order of life: what is used outlives its users.
  Plan plan_;
  SystemClock clock_;
  SystemRandom random_;
  KernelSyscalls syscalls_;
  Instant started_;
  Poller poller_;
  std::unique_ptr<WakeUp> wake_;
  TunDevice tun_;
  std::atomic<std::uint32_t> mtu_{kDefaultTunMtu};
  Grace grace_;  // one reader a worker, one for the control thread's own Tx
  PathCounters control_counters_;
  Engine engine_;
  OwnAddresses own_addresses_{grace_};
  PathContext context_;
  ControlPort control_port_;
  std::unique_ptr<AeadEngine> control_aead_;
  Tx control_tx_;
  std::unique_ptr<Handoff> handoff_;  // null with one worker, or when it is off
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<NodeSockets> sockets_;
  std::unique_ptr<NodeCore> core_;
  std::unique_ptr<Steering> steering_;
  std::unique_ptr<NodeMesh> mesh_;  // null in a static tunnel
  std::unique_ptr<LinkWatcher> link_;
  std::optional<NetworkWatcher> network_;
  std::unique_ptr<UapiServer> uapi_;
  std::unique_ptr<ControlServer> control_;
  ServiceManager service_;
  std::unique_ptr<Pulse> pulse_;  // null where nobody asks whether the loops turn
  std::unique_ptr<MetricsServer> metrics_;
  Fd signals_;

  // Configuration and state.
  std::uint16_t listen_port_ = 0;  // as configured, or as chosen when that was 0
  std::uint32_t mark_ = 0;
  bool has_new_mark_ = false;  // since routes were chosen
  bool is_up_ = false;
  Instant retry_bind_at_ = kFarFuture;
  Instant rank_at_ = kFarFuture;
  Instant rank_until_;         // at least, traffic or not
  bool sockets_wait_ = false;  // something closes
  BusyPeers busy_{NodeSockets::kMaxConnected};
  bool stopping_ = false;
};

}  // namespace xm
