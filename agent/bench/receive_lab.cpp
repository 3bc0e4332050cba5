#include "agent/bench/receive_lab.hpp"

#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <utility>
#include <vector>

#include "agent/bench/thread_cpu.hpp"
#include "agent/bench/write_file.hpp"
#include "agent/io/syscall_io.hpp"
#include "xdpmesh/heartbeat.hpp"

namespace xm::bench {
namespace {

constexpr const char* kInterface = "u0";
constexpr const char* kRunDirectory = "/run/xdp-mesh";
constexpr std::uint32_t kSlot = 0;
constexpr std::uint32_t kQueue = 0;
constexpr PublicKey kOwnKey{9};  // any: handshakes with it are not looked at further than mac1

// What the loader leaves in files goes with this thread, and /sys shows the network that it is in.
Status enter(int network) {
  if (::setns(network, CLONE_NEWNET) < 0) return errno_error("cannot enter the receiver's network");
  if (::unshare(CLONE_NEWNS) < 0 ||
      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) {
    return errno_error("cannot make a mount namespace (needs CAP_SYS_ADMIN)");
  }
  if (::mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) < 0) {
    return errno_error("cannot mount /sys for the receiver's network");
  }
  std::error_code error;
  std::filesystem::create_directories(kRunDirectory, error);
  if (::mount("xdp-mesh", kRunDirectory, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0) {
    return errno_error(std::string("cannot make a private ") + kRunDirectory);
  }
  return {};
}

// An ioctl about the interface, in the calling thread's network.
Status interface_request(unsigned long number, ifreq& request, const char* what) {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  std::strncpy(request.ifr_name, kInterface, IFNAMSIZ - 1);
  if (::ioctl(socket.get(), number, &request) == 0) return {};
  return errno_error(what);
}

// The threads that were not there before.
std::vector<pid_t> new_threads(const std::set<pid_t>& before, const std::set<pid_t>& now) {
  std::vector<pid_t> added;
  std::set_difference(now.begin(), now.end(), before.begin(), before.end(),
                      std::back_inserter(added));
  return added;
}

}  // namespace

// A tag of zeros stands where it would be.
void ReceiveLab::NoEncryption::seal(const Key& /*key*/, std::span<AeadJob> /*jobs*/) {}

void ReceiveLab::NoEncryption::open(const Key& /*key*/, std::span<AeadJob> jobs) {
  for (AeadJob& job : jobs) job.ok = true;
}

Result<std::unique_ptr<ReceiveLab>> ReceiveLab::make(const Lab& lab, int cpu,
                                                     const ReceiveBenchOptions& options) {
  if (Status entered = enter(lab.network_namespace(End::b)); !entered) return entered.error();
  std::unique_ptr<ReceiveLab> made(new ReceiveLab(cpu, options));
  Status done = made->attach();
  if (done) done = made->open_sockets();
  if (done) done = made->thread_napi();
  if (done) done = made->moderate();
  if (!done) return done.error();
  return made;
}

ReceiveLab::~ReceiveLab() {
  handshakes_.reset();  // it takes from the worker's port
  worker_.reset();
  if (attachment_) (void)attachment_->detach();  // it would go with the interface
}

Endpoint ReceiveLab::address() const {
  return {IpAddress::parse(kOuterAddress[index_of(End::b)]).value(), listeners_->port(), 0};
}

Status ReceiveLab::attach() {
  Result<SharedMaps> maps = SharedMaps::create();
  if (!maps) return maps.error();
  maps_.emplace(std::move(maps).value());
  AttachOptions options;
  options.interface = kInterface;
  options.mode = AttachMode::native;
  options.via = AttachVia::link;
  AttachReport report;
  Result<Attachment> attached = Attachment::attach(*maps_, options, report);
  if (!attached) return attached.error();
  attachment_.emplace(std::move(attached).value());
  Result<DropAll> drop_all = DropAll::load();
  if (!drop_all) return drop_all.error();
  drop_all_.emplace(std::move(drop_all).value());
  return {};
}

Status ReceiveLab::open_sockets() {
  auto listeners = UdpListeners::open(0, {}, syscalls_);
  if (!listeners) return listeners.error();
  listeners_ = std::move(listeners).value();
  XskOptions options;
  options.interface_index = attachment_->ifindex();
  options.queue = kQueue;
  options.busy_poll = options_.busy_poll_microseconds;
  auto xsk = XskSocket::create(options);
  if (!xsk) return xsk.error();
  xsk_ = std::move(xsk).value();
  return attachment_->program().set_socket(kQueue, xsk_->fd());
}

Status ReceiveLab::thread_napi() {
  const std::set<pid_t> before = napi_threads(kInterface);
  const std::string file = std::string("/sys/class/net/") + kInterface + "/threaded";
  if (Status written = write_file(file, "1"); !written) return written.error();
  const std::vector<pid_t> added = new_threads(before, napi_threads(kInterface));
  if (added.size() != 1) {
    return Error{"the kernel's thread for " + std::string(kInterface) +
                 " is not to be seen: run the bench in the machine's own PID namespace"};
  }
  napi_thread_ = added.front();
  return bind_thread(napi_thread_, cpu_);
}

// Documentation/networking/napi.rst, "Software IRQ coalescing".
Status ReceiveLab::moderate() const {
  if (options_.moderation_microseconds == 0) return {};
  const std::string directory = std::string("/sys/class/net/") + kInterface + "/";
  const std::string nanoseconds = std::to_string(options_.moderation_microseconds * 1000);
  Status done = write_file(directory + "napi_defer_hard_irqs", "1");
  if (done) done = write_file(directory + "gro_flush_timeout", nanoseconds);
  return done;
}

Status ReceiveLab::start(const Endpoint& from) {
  world_.path.remote = from;
  world_.path.local = address().address;
  world_.path.interface_index = attachment_->ifindex();
  if (Status done = configure(); !done) return done;

  auto handshakes = HandshakeSink::create(kOwnKey);
  if (!handshakes) return handshakes.error();
  handshakes_ = std::move(handshakes).value();
  auto io = SyscallIo::create(world_.tun);
  if (!io) return io.error();
  WorkerParts parts;
  parts.aead = std::make_unique<NoEncryption>();
  parts.buffers = std::make_unique<UdpReceiveBuffers>();
  parts.io = std::move(io).value();
  parts.reads_tun = false;
  parts.gather_clock = &clock_;
  auto worker = Worker::create(world_.context, std::move(parts),
                               [sink = handshakes_.get()] { sink->ring(); });
  if (!worker) return worker.error();
  worker_ = std::move(worker).value();
  return start_threads();
}

Status ReceiveLab::start_threads() {
  const std::set<pid_t> before = own_threads();
  worker_->start();
  handshakes_->start(worker_->port());
  worker_->add_socket(*listeners_->v4());
  worker_->add_socket(*xsk_);
  threads_ = new_threads(before, own_threads());
  if (threads_.size() != 2) return Error{"cannot tell which threads are the receiver's"};
  for (const pid_t thread : threads_) {
    if (Status bound = bind_thread(thread, cpu_); !bound) return bound;
  }
  return {};
}

Status ReceiveLab::configure() {
  SteerProgram& program = attachment_->program();
  ifreq request{};
  Status done = interface_request(SIOCGIFHWADDR, request, "cannot learn the receiver's MAC");
  if (done) done = program.set_locals(std::array{address().address});
  if (done) {
    done = maps_->put_session(receiver_index(), {kSlot, XM_SESSION_LIVE, world_.peer.id});
  }
  if (!done) return done;
  maps_->replay()[kSlot].receiver_index = receiver_index();

  xm_config& config = program.config();
  std::memcpy(config.mac, request.ifr_hwaddr.sa_data, sizeof config.mac);
  config.ifindex = attachment_->ifindex();
  config.largest_frame = xsk_->largest_frame();
  config.ports[0] = listeners_->port();
  config.port_count = 1;
  const Blake2sChaining chaining = mac1_chaining(kOwnKey);
  std::copy(chaining.begin(), chaining.end(), config.mac1[0].chaining);
  config.mac1[0].port = listeners_->port();
  config.mac1_count = 1;
  if (done = take(ReceiveWay::socket); !done) return done;
  beat();
  __atomic_store_n(&config.abi_version, XM_ABI_VERSION, __ATOMIC_RELEASE);
  return {};
}

Status ReceiveLab::set_gro(bool on) const {
  ethtool_value value{ETHTOOL_SGRO, on ? 1U : 0U};
  ifreq request{};
  request.ifr_data = reinterpret_cast<char*>(&value);
  return interface_request(SIOCETHTOOL, request, "cannot switch the receiver's GRO");
}

Status ReceiveLab::take(ReceiveWay way) {
  const std::uint32_t flags =
      way == ReceiveWay::xdp ? XM_FLAG_REDIRECT | XM_FLAG_CHECK_MAC1 : XM_FLAG_UNPUBLISHED;
  __atomic_store_n(&attachment_->program().config().flags, flags, __ATOMIC_RELAXED);
  return swap_program(way == ReceiveWay::floor);
}

Status ReceiveLab::swap_program(bool floor) {
  if (floor == at_floor_) return {};
  const std::uint32_t link = report().link_id;
  Status swapped = floor ? drop_all_->take_place(link)
                         : DropAll::give_back(link, attachment_->program().program_fd());
  if (swapped) at_floor_ = floor;
  return swapped;
}

Status ReceiveLab::feed(ReceiveWay way, Bytes message, std::uint64_t rate) {
  const int program =
      way == ReceiveWay::floor ? drop_all_->program_fd() : attachment_->program().program_fd();
  auto feeder = FrameFeeder::start({.program = program,
                                    .interface_index = attachment_->ifindex(),
                                    .frame = udp_frame(attachment_->program().config().mac,
                                                       world_.path.remote, address(), message),
                                    .rate = rate,
                                    .cpu = cpu_});
  if (!feeder) return feeder.error();
  feeder_ = std::move(feeder).value();
  return {};
}

void ReceiveLab::beat() {
  SteerProgram& program = attachment_->program();
  const std::uint64_t now = heartbeat_time();
  program.queues()[kQueue].mode = XM_QUEUE_COPY;
  __atomic_store_n(&program.queues()[kQueue].heartbeat, now, __ATOMIC_RELAXED);
  __atomic_store_n(&program.config().heartbeat, now, __ATOMIC_RELAXED);
}

Result<ReceiveCount> ReceiveLab::count() const {
  const auto verdicts = attachment_->program().verdicts();
  if (!verdicts) return verdicts.error();
  const auto napi = thread_nanoseconds(feeder_ ? feeder_->thread() : napi_thread_);
  const auto threads = thread_time();
  if (!napi || !threads) {
    return Error{"the kernel does not count threads' time: expected /proc/PID/schedstat"};
  }
  const auto of = [&](xm_verdict verdict) { return verdicts.value()[verdict].packets; };
  return ReceiveCount{
      .delivered = worker_->counters().delivered_packets.value(),
      .batches = worker_->counters().receive_batches.value(),
      .napi_nanoseconds = *napi,
      .worker_nanoseconds = *threads,
      .redirected = of(XM_VERDICT_redirect),
      .passed = of(XM_VERDICT_pass_socket_chosen) + of(XM_VERDICT_pass_unknown_index) +
                of(XM_VERDICT_pass_handshake_unchecked),
      .dropped =
          of(XM_VERDICT_drop_unknown_index) + of(XM_VERDICT_drop_bad_mac1) + drop_all_->dropped()};
}

std::optional<std::uint64_t> ReceiveLab::thread_time() const {
  std::uint64_t sum = 0;
  for (const pid_t thread : threads_) {
    const auto time = thread_nanoseconds(thread);
    if (!time) return std::nullopt;
    sum += *time;
  }
  return sum;
}

}  // namespace xm::bench
