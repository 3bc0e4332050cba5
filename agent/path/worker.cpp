#include "agent/path/worker.hpp"

#include <sched.h>
#include <sys/prctl.h>

#include <ctime>
#include <utility>

#include "xdpmesh/heartbeat.hpp"
#include "xdpmesh/log.hpp"

namespace xm {
namespace {

// Batches that one source may have before the others get their turn.
constexpr int kBatchesPerTurn = 4;
// Batches taken from a socket that is about to close; more than its buffer holds only keeps coming
// because somebody floods it.
constexpr int kBatchesToDrain = 256;
// Reads in one batch that tell a flood of single packets from bulk, whose super-packets fill a
// batch by one or two.
constexpr std::size_t kFloodReads = 16;
// How long a worker that owes heartbeats sleeps: less than the 250 ms of abi.h.
constexpr Duration kHeartbeatInterval = 200ms;

void store_heartbeat(xm_queue& queue, std::uint64_t nanoseconds) {
  std::atomic_ref<__u64>(queue.heartbeat).store(nanoseconds, std::memory_order_relaxed);
}

// The kernel may end a sleep so much later than asked for, to spare wake-ups: half of Gather's
// longest unless told otherwise.
constexpr unsigned long kTimerSlackNanoseconds = 5'000;

// A woken worker does not interrupt the program that woke it in the middle of its sending: it runs
// as soon as that blocks, on the same processor, and finds more than one packet. Everything else of
// the thread's scheduling, its share of the processor above all, is as before (sched(7)). A kernel
// or a sandbox that refuses leaves the thread as it is.
void let_senders_finish() {
  const sched_param none{};
  (void)sched_setscheduler(0, SCHED_BATCH, &none);
}

}  // namespace

Result<std::unique_ptr<Worker>> Worker::create(const PathContext& context, WorkerParts parts,
                                               std::function<void()> wake_control) {
  auto bell = WakeUp::create();
  if (!bell) return bell.error();
  if (Status added = parts.io->watch_bell((*bell)->fd()); !added) return added.error();
  if (parts.reads_tun) {
    if (Status added = parts.io->watch_tun(); !added) return added.error();
  }
  return std::unique_ptr<Worker>(
      new Worker(context, std::move(parts), std::move(wake_control), std::move(*bell)));
}

Worker::Worker(const PathContext& context, WorkerParts parts, std::function<void()> wake_control,
               std::unique_ptr<WakeUp> bell)
    : clock_(context.clock),
      wake_control_(std::move(wake_control)),
      parts_(std::move(parts)),
      port_(wake_control_),
      handoff_(make_handoff()),
      rx_(context, {parts_.id, engine(), port_, counters_}, parts_.io->tun(), *parts_.buffers),
      tx_(context, {parts_.id, engine(), port_, counters_, parts_.io->sender()}),
      bell_(std::move(bell)) {}

std::unique_ptr<HandoffEngine> Worker::make_handoff() {
  if (parts_.handoff == nullptr) return nullptr;
  return std::make_unique<HandoffEngine>(*parts_.handoff, parts_.id, *parts_.aead,
                                         [this] { bell_->ring(); });
}

Worker::~Worker() {
  stop();
}

void Worker::start() {
  thread_ = std::thread([this] { run(); });
}

void Worker::stop() {
  if (!thread_.joinable()) return;
  stopping_.store(true);
  bell_->ring();
  thread_.join();
}

void Worker::run() {
  let_senders_finish();
  (void)prctl(PR_SET_TIMERSLACK, kTimerSlackNanoseconds);
  parts_.io->begin();
  bell_->arm();
  obey_commands();  // those given before this thread could hear the bell
  while (!stopping_.load(std::memory_order_relaxed)) {
    beat();
    serve(wait());
  }
  obey_commands();  // somebody may wait for a socket
  for (xm_queue* const queue : queues_) store_heartbeat(*queue, 0);
  parts_.io->end();
}

void Worker::serve(std::span<const PathIo::Token> ready) {
  Turn turn;
  for (const PathIo::Token token : ready) {
    if (token == PathIo::kBell) {
      bell_->disarm();
      bell_->arm();  // before the queue is looked at, so that no later command is missed
      obey_commands();
    } else if (token == PathIo::kTun) {
      turn.goes_on = true;
      serve_tun();
    } else if (const auto found = sockets_.find(token); found != sockets_.end()) {
      serve_socket(*found->second.receiver, turn);
    }
  }
  if (turn.datagrams > 0 && parts_.gather_clock != nullptr) let_gather(turn);
}

void Worker::let_gather(const Turn& turn) {
  gather_.note(parts_.gather_clock->now(), turn.datagrams);
  if (turn.goes_on) return;
  const timespec pause{0, static_cast<long>(gather_.pause().count())};
  if (pause.tv_nsec > 0) (void)nanosleep(&pause, nullptr);
}

// Any turn of this loop is short: what takes long (a full send queue) is bounded by tens of
// milliseconds.
void Worker::beat() {
  if (queues_.empty()) return;
  const std::uint64_t now = heartbeat_time();
  for (xm_queue* const queue : queues_) store_heartbeat(*queue, now);
}

std::span<const PathIo::Token> Worker::wait() {
  const Duration longest = queues_.empty() ? PathIo::kForever : kHeartbeatInterval;
  if (!handoff_) return parts_.io->wait(longest);
  const bool may_sleep = handoff_->pause(clock_);
  const auto ready = parts_.io->wait(may_sleep ? longest : Duration(0));
  if (!ready.empty()) handoff_->resume(clock_);
  return ready;
}

void Worker::serve_tun() {
  for (int i = 0; i < kBatchesPerTurn; ++i) {
    const Tx::Outcome outcome = tx_.run(parts_.io->tun());
    if (outcome.last == TunIo::gone) {
      parts_.io->forget_tun();
      tun_is_gone_.store(true, std::memory_order_relaxed);
      wake_control_();
    }
    // Many single packets waited: whoever sends them is ahead of us. What is too much had better be
    // dropped here, at the device's queue, than carried to a receiver that gets no processor to
    // read it (Mogul and Ramakrishnan, "Eliminating receive livelock", 1997): others go first.
    // Where nobody else wants this processor the call returns at once.
    if (outcome.packets >= kFloodReads) sched_yield();
    if (outcome.last != TunIo::done) return;
  }
}

void Worker::serve_socket(DatagramReceiver& socket, Turn& turn) {
  // What is held in the buffers goes beyond the turn: nothing would wake us for it.
  for (int i = 0; i < kBatchesPerTurn || rx_.holds_rest(); ++i) {
    turn.datagrams += rx_.run(socket);
    if (!rx_.more()) return;
  }
  turn.goes_on = true;
}

Duration Worker::cpu_time() const {
  clockid_t clock{};
  timespec time{};
  if (!thread_.joinable()) return {};
  // std::thread names no constant handle.
  auto& thread = const_cast<std::thread&>(thread_);
  if (pthread_getcpuclockid(thread.native_handle(), &clock) != 0) return {};
  if (clock_gettime(clock, &time) != 0) return {};
  return std::chrono::seconds(time.tv_sec) + Duration(time.tv_nsec);
}

void Worker::add_socket(DatagramSocket& socket, xm_queue* queue) {
  (void)command({&socket, true, queue});
}

std::uint64_t Worker::remove_socket(DatagramSocket& socket) {
  return command({&socket, false, nullptr});
}

// The ring is larger than the number of sockets there may be, and the worker never waits for the
// control thread: waiting here for room cannot be for long.
std::uint64_t Worker::command(Command command) {
  while (!commands_.push(Command(command))) std::this_thread::yield();
  bell_->ring();
  return ++commanded_;
}

void Worker::obey_commands() {
  Command command;
  while (commands_.pop(command)) {
    obey(command);
    done_.fetch_add(1, std::memory_order_release);
  }
}

void Worker::obey(const Command& command) {
  if (command.add) {
    const PathIo::Token token = next_token_++;
    const Result<DatagramReceiver*> receiver = parts_.io->add(*command.socket, token);
    if (!receiver) {
      return log::error("worker cannot receive on a socket: " + receiver.error().what);
    }
    sockets_.emplace(token, Receiving{command.socket, receiver.value(), command.queue});
    if (command.queue != nullptr) queues_.push_back(command.queue);
    return;
  }
  for (auto it = sockets_.begin(); it != sockets_.end(); ++it) {
    if (it->second.socket != command.socket) continue;
    const auto [token, receiving] = *it;
    sockets_.erase(it);
    if (receiving.queue != nullptr) {
      store_heartbeat(*receiving.queue, 0);
      std::erase(queues_, receiving.queue);
    }
    parts_.io->stop(token);
    for (int i = 0; i < kBatchesToDrain || rx_.holds_rest(); ++i) {
      rx_.run(*receiving.receiver);
      if (!rx_.more()) break;
    }
    parts_.io->remove(token);
    return;
  }
}

}  // namespace xm
