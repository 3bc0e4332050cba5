#include "agent/node_queues.hpp"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "xdpmesh/heartbeat.hpp"
#include "xdpmesh/log.hpp"

namespace xm {
namespace {

constexpr int kSettleRounds = 1000;
constexpr std::chrono::milliseconds kSettlePause{1};
// Longer than a driver's turn, in which it runs the program over some packets and then hands on
// what was redirected.
constexpr std::chrono::milliseconds kDriversTurn{20};

// Returns when every driver's turn that may have seen a socket in xm_xsks has ended: its packets
// are in the socket's ring then, and not lost with it. membarrier(2) waits for an RCU grace period;
// a kernel with nohz_full and some sandboxes refuse it.
void outwait_drivers() {
  if (::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) != 0) {
    std::this_thread::sleep_for(kDriversTurn);
  }
}

std::uint64_t lost_by(const XskSocket& socket) {
  const XskStatistics statistics = socket.statistics();
  return statistics.rx_ring_full + statistics.rx_fill_ring_empty_descs;
}

}  // namespace

// A worker that did not let go within a second has ended, or will before its sockets are used.
QueueSockets::~QueueSockets() {
  (void)settle();
}

void QueueSockets::open(SteerProgram& program, const XskOptions& options, std::uint32_t count,
                        const std::string& copies_because) {
  if (queues_.size() < count) queues_.resize(count);
  const auto begun = std::chrono::steady_clock::now();
  for (std::uint32_t number = 0; number < count; ++number) {
    Queue& queue = queues_[number];
    if (queue.socket != nullptr) continue;
    XskOptions wanted = options;
    wanted.queue = number;
    // All queues together: what another program holds shall not keep this thread for long.
    const Duration waited = std::chrono::steady_clock::now() - begun;
    wanted.bind_patience = std::max(Duration::zero(), options.bind_patience - waited);
    auto socket = XskSocket::create(wanted);
    if (!socket) {
      queue.fault = socket.error().what;
      continue;
    }
    if (Status entered = program.set_socket(number, (*socket)->fd()); !entered) {
      queue.fault = entered.error().what;
      continue;
    }
    queue.socket = std::move(*socket);
    queue.fault.clear();
    queue.copy_reason = copies_because.empty() ? queue.socket->copy_reason() : copies_because;
    if (queue.socket->is_zero_copy()) queue.copy_reason.clear();
    queue.worker = number % workers_.size();
    queue.started = false;
  }
}

void QueueSockets::start(SteerProgram& program) {
  for (std::uint32_t number = 0; number < queues_.size(); ++number) {
    Queue& queue = queues_[number];
    if (queue.socket == nullptr || std::exchange(queue.started, true)) continue;
    xm_queue& shared = program.queues()[number];
    shared.mode = queue.socket->is_zero_copy() ? XM_QUEUE_ZEROCOPY : XM_QUEUE_COPY;
    shared.worker = static_cast<std::uint32_t>(queue.worker);
    workers_[queue.worker]->add_socket(*queue.socket, &shared);
  }
}

// Out of the map first: the program passes packets from then on, and the worker empties the ring.
void QueueSockets::close_from(SteerProgram& program, std::uint32_t first) {
  bool some_started = false;
  for (std::uint32_t number = first; number < queues_.size(); ++number) {
    if (queues_[number].socket == nullptr) continue;
    if (Status cleared = program.clear_socket(number); !cleared) {
      log::verbose(cleared.error().what);
    }
    program.queues()[number].mode = XM_QUEUE_NONE;
    some_started = some_started || queues_[number].started;
  }
  if (some_started) outwait_drivers();
  for (std::uint32_t number = first; number < queues_.size(); ++number) {
    Queue& queue = queues_[number];
    if (queue.started) {
      const std::uint64_t ticket = workers_[queue.worker]->remove_socket(*queue.socket);
      closing_.push_back({std::move(queue.socket), queue.worker, ticket});
    }
    queue = {};
  }
  if (first < queues_.size()) queues_.resize(first);
}

bool QueueSockets::reap() {
  closing_.remove_if([&](const Closing& closing) {
    if (workers_[closing.worker]->released() < closing.ticket) return false;
    lost_before_ += lost_by(*closing.socket);
    return true;
  });
  return closing_.empty();
}

bool QueueSockets::settle() {
  for (int i = 0; i < kSettleRounds && !reap(); ++i) std::this_thread::sleep_for(kSettlePause);
  return closing_.empty();
}

std::uint32_t QueueSockets::bound() const {
  return static_cast<std::uint32_t>(std::count_if(
      queues_.begin(), queues_.end(), [](const Queue& queue) { return queue.socket != nullptr; }));
}

bool QueueSockets::all_zero_copy() const {
  return bound() != 0 && std::all_of(queues_.begin(), queues_.end(), [](const Queue& queue) {
           return queue.socket != nullptr && queue.socket->is_zero_copy();
         });
}

std::uint32_t QueueSockets::largest_frame() const {
  std::uint32_t least = 0;
  for (const Queue& queue : queues_) {
    if (queue.socket == nullptr) continue;
    const std::uint32_t largest = queue.socket->largest_frame();
    least = least == 0 ? largest : std::min(least, largest);
  }
  return least;
}

std::uint32_t QueueSockets::chunk_size() const {
  for (const Queue& queue : queues_) {
    if (queue.socket != nullptr) return queue.socket->options().chunk_size;
  }
  return 0;
}

std::uint64_t QueueSockets::lost() const {
  std::uint64_t lost = lost_before_;
  for (const Queue& queue : queues_) lost += queue.socket != nullptr ? lost_by(*queue.socket) : 0;
  return lost;
}

std::string QueueSockets::fault() const {
  for (std::size_t number = 0; number < queues_.size(); ++number) {
    if (queues_[number].socket == nullptr) {
      return "queue " + std::to_string(number) + ": " + queues_[number].fault;
    }
  }
  return {};
}

std::string QueueSockets::copy_reason() const {
  for (const Queue& queue : queues_) {
    if (!queue.copy_reason.empty()) return queue.copy_reason;
  }
  return {};
}

std::vector<std::string> QueueSockets::notes() const {
  std::vector<std::string> notes;
  for (const Queue& queue : queues_) {
    if (queue.socket == nullptr || queue.socket->note().empty()) continue;
    if (std::find(notes.begin(), notes.end(), queue.socket->note()) == notes.end()) {
      notes.push_back(queue.socket->note());
    }
  }
  return notes;
}

std::vector<QueueStatus> QueueSockets::status(const SteerProgram& program) const {
  std::vector<QueueStatus> list;
  for (std::uint32_t number = 0; number < queues_.size(); ++number) {
    list.push_back(status_of(number, program.queues()[number]));
  }
  return list;
}

QueueStatus QueueSockets::status_of(std::uint32_t number, const xm_queue& shared) const {
  const Queue& queue = queues_[number];
  QueueStatus status;
  status.queue = number;
  status.reason = queue.fault;
  if (queue.socket == nullptr) return status;
  const XskSocket& socket = *queue.socket;
  const XskStatistics counts = socket.statistics();
  status.mode = socket.is_zero_copy() ? XM_QUEUE_ZEROCOPY : XM_QUEUE_COPY;
  const bool both = !queue.copy_reason.empty() && !socket.note().empty();
  status.reason = queue.copy_reason + (both ? "; " : "") + socket.note();
  if (queue.started) status.worker = static_cast<std::uint32_t>(queue.worker);
  const std::uint64_t beat =
      std::atomic_ref<const __u64>(shared.heartbeat).load(std::memory_order_relaxed);
  if (beat != 0) {
    status.heartbeat_age_milliseconds = (std::max(heartbeat_time(), beat) - beat) / 1'000'000U;
  }
  status.rx_ring = {counts.receive_ring_size, counts.receive_ring_filled};
  status.fill_ring = {counts.fill_ring_size, counts.fill_ring_filled};
  status.chunks = socket.options().chunks;
  status.huge_pages = socket.has_huge_pages();
  status.counts = {.rx_dropped = counts.rx_dropped,
                   .rx_invalid_descs = counts.rx_invalid_descs,
                   .tx_invalid_descs = counts.tx_invalid_descs,
                   .rx_ring_full = counts.rx_ring_full,
                   .rx_fill_ring_empty_descs = counts.rx_fill_ring_empty_descs,
                   .tx_ring_empty_descs = counts.tx_ring_empty_descs};
  return status;
}

}  // namespace xm
