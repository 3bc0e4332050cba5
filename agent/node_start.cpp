// Starting a node: what is decided, what is opened, in which order.
#include <sys/signalfd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "agent/io/io_choice.hpp"
#include "agent/io/netlink_network.hpp"
#include "agent/io/udp_socket.hpp"
#include "agent/node.hpp"
#include "agent/node_cpus.hpp"
#include "agent/node_tokens.hpp"
#include "xdpmesh/log.hpp"

namespace xm {
namespace {

// More workers than this do not pay by themselves; --workers overrides.
constexpr unsigned kMostWorkersByDefault = 8;

Result<TunDevice> open_tun(const NodeOptions& options, unsigned queues) {
  if (options.tun_fd) return TunDevice::from_fd(Fd(*options.tun_fd), queues);
  return TunDevice::open(options.interface, queues, options.mtu.value_or(kDefaultTunMtu));
}

}  // namespace

Result<Node::Plan> Node::make_plan(const NodeOptions& options) {
  Plan plan;
  plan.options = options;
  plan.workers = options.workers != 0 ? std::min(options.workers, kMaxWorkers)
                                      : std::min(usable_processors(), kMostWorkersByDefault);
  auto io = choose_io(options.io);
  if (!io) return io.error();
  plan.io = std::move(*io);
  if (!plan.io.ring_fault.empty()) log::info("io_uring is not used: " + plan.io.ring_fault);
  if (!options.aead) {
    plan.aead = measure_aead_engines();
    return plan;
  }
  plan.aead = {.small = *options.aead, .large = *options.aead, .reason = "chosen by --aead"};
  return plan;
}

Result<std::unique_ptr<Node>> Node::create(const NodeOptions& options,
                                           std::optional<MeshSetup> mesh) {
  auto plan = make_plan(options);
  if (!plan) return plan.error();
  auto aead = make_chosen_engine(plan->aead);
  if (!aead) return aead.error();
  auto tun = open_tun(options, static_cast<unsigned>(plan->workers));
  if (!tun) return tun.error();
  auto wake = WakeUp::create();
  if (!wake) return wake.error();
  auto poller = Poller::create();
  if (!poller) return poller.error();

  std::unique_ptr<Node> node(new Node(std::move(*plan), std::move(*tun), std::move(*wake),
                                      std::move(*poller), std::move(*aead), mesh.has_value()));
  if (Status started = node->start_workers(); !started) return started.error();
  if (Status opened = node->open_watchers(); !opened) return opened.error();
  if (Status opened = node->open_servers(); !opened) return opened.error();
  if (mesh) {
    if (Status started = node->start_mesh(std::move(*mesh)); !started) return started.error();
  }
  if (Status attached = node->attach_interfaces(); !attached) return attached.error();
  if (Status shown = node->show_health(); !shown) return shown.error();
  return node;
}

Node::Node(Plan plan, TunDevice tun, std::unique_ptr<WakeUp> wake, Poller poller,
           std::unique_ptr<AeadEngine> control_aead, bool has_mesh)
    : plan_(std::move(plan)),
      started_(clock_.now()),
      poller_(std::move(poller)),
      wake_(std::move(wake)),
      tun_(std::move(tun)),
      grace_(plan_.workers + 1),
      engine_(grace_, random_, control_counters_.drops),
      context_{.allowed_ips = engine_.allowed_ips(),
               .sessions = engine_.sessions(),
               .grace = grace_,
               .clock = clock_,
               .mtu = mtu_,
               .tun = tun_.capabilities(),
               .takes_mesh = has_mesh,
               .own_addresses = &own_addresses_.published()},
      control_port_([this] { wake_->ring(); }),
      control_aead_(std::move(control_aead)),
      control_tx_(context_, {plan_.workers, *control_aead_, control_port_, control_counters_}) {}

// The workers let go of their AF_XDP sockets, then they end. One that is late does so as it ends:
// until then it may write to what the steering owns.
Node::~Node() {
  if (steering_) steering_->leave();
  for (const auto& worker : workers_) worker->stop();
  steering_.reset();
}

Status Node::start_workers() {
  std::vector<Worker*> workers;
  std::vector<ControlPort*> ports;
  if (plan_.workers > 1 && plan_.options.handoff != HandoffMode::never) {
    handoff_ = std::make_unique<Handoff>(plan_.workers, plan_.options.handoff);
  }
  for (std::size_t id = 0; id < plan_.workers; ++id) {
    auto aead = make_chosen_engine(plan_.aead);
    if (!aead) return aead.error();
    auto io = make_path_io(plan_.io, tun_.queue(id % tun_.queue_count()),
                           tun_.capabilities().vnet_header);
    if (!io) return io.error();
    auto worker = Worker::create(context_,
                                 {.id = id,
                                  .aead = std::move(*aead),
                                  .buffers = std::make_unique<UdpReceiveBuffers>(),
                                  .io = std::move(*io),
                                  .handoff = handoff_.get(),
                                  .reads_tun = id < tun_.queue_count(),
                                  .gather_clock = &clock_},
                                 [this] { wake_->ring(); });
    if (!worker) return worker.error();
    workers.push_back(worker->get());
    ports.push_back(&(*worker)->port());
    workers_.push_back(std::move(*worker));
  }
  ports.push_back(&control_port_);
  steering_ = std::make_unique<Steering>(
      engine_, workers,
      plan_.options.keep_attached ? Steering::AtTheEnd::leave_in_place : Steering::AtTheEnd::detach,
      [this] { return tunnel_name(); },
      [this] { return mesh_ ? mesh_->peer_names() : PeerNames(); });
  sockets_ = std::make_unique<NodeSockets>(grace_, syscalls_, std::move(workers));
  core_ = std::make_unique<NodeCore>(engine_, *sockets_, grace_, control_tx_, control_counters_,
                                     std::move(ports));
  for (const auto& worker : workers_) worker->start();
  return {};
}

Status Node::open_watchers() {
  auto link = LinkWatcher::open(tun_.control_fd());
  if (!link) return link.error();
  link_ = std::move(*link);
  if (Status added = poller_.add(link_->fd(), node_token::kLink); !added) return added;

  auto network = NetworkWatcher::open();
  if (!network) return network.error();
  network_.emplace(std::move(*network));
  return poller_.add(network_->fd(), node_token::kNetwork);
}

Status Node::open_servers() {
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGTERM);
  sigaddset(&wanted, SIGINT);
  sigaddset(&wanted, SIGHUP);
  signals_.reset(signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!signals_) return errno_error("signalfd");
  if (Status added = poller_.add(signals_.get(), node_token::kSignals); !added) return added;
  if (Status added = poller_.add(wake_->fd(), node_token::kWake); !added) return added;

  const NodeOptions& options = plan_.options;
  auto control = ControlServer::open({.directory = options.control_directory,
                                      .name = control_socket_name(options.interface),
                                      .group = options.control_group},
                                     *this);
  if (!control) return control.error();
  control_ = std::move(*control);
  if (Status added = poller_.add(control_->fd(), node_token::kControl); !added) return added;

  auto uapi = UapiServer::open({.directory = options.uapi_directory,
                                .interface = options.interface,
                                .adopt_fd = options.uapi_fd},
                               *this, [this] {
                                 log::info("configuration socket was removed: stopping");
                                 stopping_ = true;
                               });
  if (!uapi) return uapi.error();
  uapi_ = std::move(*uapi);
  return poller_.add(uapi_->fd(), node_token::kUapi);
}

// Its port is configured, and opened when the interface, which it brings up, is seen to be.
Status Node::start_mesh(MeshSetup setup) {
  listen_port_ = setup.config.listen_port;
  auto network = NetlinkNetwork::open(tun_.name());
  if (!network) return network.error();
  auto mesh = NodeMesh::start(std::move(setup),
                              {.engine = engine_,
                               .core = *core_,
                               .random = random_,
                               .network = std::make_unique<NetlinkNetwork>(std::move(*network)),
                               .set_mark = [this](std::uint32_t mark) { return set_mark(mark); }},
                              moment());
  if (!mesh) return mesh.error();
  mesh_ = std::move(*mesh);
  if (Status added = poller_.add(mesh_->files_fd(), node_token::kMeshFiles); !added) return added;
  if (Status added = poller_.add(mesh_->names_fd(), node_token::kMeshNames); !added) return added;
  if (mesh_->lan_fd() < 0) return {};
  return poller_.add(mesh_->lan_fd(), node_token::kMeshLan);
}

// What --attach asks for. That the program cannot be put there keeps nothing from working, but it
// was asked for.
Status Node::attach_interfaces() {
  for (const AttachRequest& request : plan_.options.attach) {
    auto reply = attach(request);
    if (!reply) return reply.error();
    if (reply->attached) continue;
    const std::string reason = reply->steps.empty() ? "" : ": " + reply->steps.back().reason;
    return Error{"cannot attach to " + request.interface + reason, EIO};
  }
  return {};
}

// To the service manager, and by HTTP.
Status Node::show_health() {
  if (!service_.wants_beats() && !plan_.options.metrics.is_set()) return {};
  std::vector<Pulse::Loop> loops;
  for (const auto& worker : workers_) {
    Worker* const asked = worker.get();
    loops.push_back({[asked] { return asked->ping(); }, [asked] { return asked->released(); }});
  }
  pulse_ = std::make_unique<Pulse>(std::move(loops));
  if (!plan_.options.metrics.is_set()) return {};
  auto metrics = MetricsServer::open(plan_.options.metrics, *this,
                                     [this] { return pulse_->fault(clock_.now()); });
  if (!metrics) return metrics.error();
  metrics_ = std::move(*metrics);
  return poller_.add(metrics_->fd(), node_token::kMetrics);
}

}  // namespace xm
