// One thread of the packet path: waits for its TUN queue and its sockets and runs the two walks.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <unordered_map>
#include <vector>

#include "agent/io/path_io.hpp"
#include "agent/io/poller.hpp"
#include "agent/path/context.hpp"
#include "agent/path/gather.hpp"
#include "agent/path/handoff.hpp"
#include "agent/path/rx.hpp"
#include "agent/path/tx.hpp"
#include "xdpmesh/abi.h"
#include "xdpmesh/ring.hpp"

namespace xm {

// What a worker works with; made on the control thread, used by the worker alone once it runs.
struct WorkerParts {
  std::size_t id = 0;
  std::unique_ptr<AeadEngine> aead;
  std::unique_ptr<ReceiveBuffers> buffers;
  std::unique_ptr<PathIo> io;  // with the TUN queue that is written to
  Handoff* handoff = nullptr;  // outlives the worker; null: it never shares its batches
  bool reads_tun = true;       // false where the device has fewer queues than there are workers
  // Outlives the worker; null: it never waits for packets to gather (gather.hpp).
  const Clock* gather_clock = nullptr;
};

// Thread: constructed, started, stopped and given sockets by the control thread.
class Worker {
 public:
  // `wake_control` makes the control thread look at this worker's port.
  [[nodiscard]] static Result<std::unique_ptr<Worker>> create(const PathContext& context,
                                                              WorkerParts parts,
                                                              std::function<void()> wake_control);
  ~Worker();

  void start();
  // Returns when the thread has ended, having let go of every socket that was taken back before.
  void stop();

  // The worker receives on `socket` from now on. `queue`, of an AF_XDP socket's receive queue, gets
  // its heartbeat from then until the socket is taken back: packets are steered to it only so long.
  void add_socket(DatagramSocket& socket, xm_queue* queue = nullptr);
  // The worker empties `socket` once more and lets go of it: the socket may be destroyed when
  // released() has reached the ticket that is returned, and no SendPath names it any more.
  [[nodiscard]] std::uint64_t remove_socket(DatagramSocket& socket);
  // Asks for nothing but an answer: released() reaches the ticket as soon as the worker's loop
  // turns.
  [[nodiscard]] std::uint64_t ping() { return command({}); }
  [[nodiscard]] std::uint64_t released() const { return done_.load(std::memory_order_acquire); }

  [[nodiscard]] ControlPort& port() { return port_; }
  [[nodiscard]] const PathCounters& counters() const { return counters_; }
  // Null when it never shares.
  [[nodiscard]] const HandoffEngine* handoff() const { return handoff_.get(); }
  [[nodiscard]] bool reads_tun() const { return parts_.reads_tun; }
  [[nodiscard]] std::string aead_description() const { return parts_.aead->description(); }
  // The TUN device is gone, as seen by this worker's reads.
  [[nodiscard]] bool tun_is_gone() const { return tun_is_gone_.load(std::memory_order_relaxed); }
  // The processor time that its thread has taken; zero before start() and after stop().
  [[nodiscard]] Duration cpu_time() const;
  // See PathIo.
  [[nodiscard]] int io_failure() const { return parts_.io->failure(); }

 private:
  struct Command {
    DatagramSocket* socket = nullptr;
    bool add = false;
    xm_queue* queue = nullptr;
  };
  // A socket, and what is received from for it.
  struct Receiving {
    DatagramSocket* socket;
    DatagramReceiver* receiver;
    xm_queue* queue;  // null: no AF_XDP socket
  };

  // What came of one look at what is ready.
  struct Turn {
    std::size_t datagrams = 0;
    bool goes_on = false;  // a socket has more, or there is something to send
  };

  Worker(const PathContext& context, WorkerParts parts, std::function<void()> wake_control,
         std::unique_ptr<WakeUp> bell);

  void run();
  void serve(std::span<const PathIo::Token> ready);
  void serve_tun();
  void serve_socket(DatagramReceiver& socket, Turn& turn);
  void let_gather(const Turn& turn);
  std::uint64_t command(Command command);
  void obey_commands();
  void obey(const Command& command);

  [[nodiscard]] std::unique_ptr<HandoffEngine> make_handoff();
  [[nodiscard]] AeadEngine& engine() { return handoff_ ? *handoff_ : *parts_.aead; }
  [[nodiscard]] std::span<const PathIo::Token> wait();
  void beat();

  // Constant after construction.
  const Clock& clock_;
  const std::function<void()> wake_control_;
  WorkerParts parts_;

  // The worker's own.
  PathCounters counters_;
  ControlPort port_;
  std::unique_ptr<HandoffEngine> handoff_;
  Rx rx_;
  Tx tx_;
  Gather gather_;
  std::unordered_map<PathIo::Token, Receiving> sockets_;
  std::vector<xm_queue*> queues_;  // those that get our heartbeat
  PathIo::Token next_token_ = PathIo::kFirstSocket;

  // Between the control thread and the worker.
  std::unique_ptr<WakeUp> bell_;
  SpscRing<Command> commands_{256};
  std::uint64_t commanded_ = 0;  // control thread
  std::atomic<std::uint64_t> done_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> tun_is_gone_{false};
  std::thread thread_;
};

}  // namespace xm
