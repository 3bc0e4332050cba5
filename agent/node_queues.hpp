// The AF_XDP sockets of one interface: one a receive queue, each read by one worker.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "agent/ctl/attachment_status.hpp"
#include "agent/io/xsk_socket.hpp"
#include "agent/path/worker.hpp"
#include "loader/steer_program.hpp"
#include "xdpmesh/clock.hpp"

namespace xm {

// Thread: the control thread. Whoever opens sockets closes them again before the program goes.
class QueueSockets {
 public:
  // `workers` outlive this object.
  explicit QueueSockets(std::vector<Worker*> workers) : workers_(std::move(workers)) {}
  ~QueueSockets();
  QueueSockets(const QueueSockets&) = delete;
  QueueSockets& operator=(const QueueSockets&) = delete;

  // Binds a socket for each of the queues 0 to `count` - 1 that has none, and puts it into
  // xm_xsks. What did not work is said by fault() and status(). Nothing is redirected to new ones
  // before start(). `copies_because`: what is known beforehand to keep them from zero-copy, if
  // that was wished for; the kernel's reason stands where it is empty.
  void open(SteerProgram& program, const XskOptions& options, std::uint32_t count,
            const std::string& copies_because);
  // Gives the new sockets to their workers, whose heartbeats begin.
  void start(SteerProgram& program);
  // Takes back those of the queues from `first` on: packets pass to the kernel's socket, and what
  // has been redirected already is received.
  void close_from(SteerProgram& program, std::uint32_t first);

  // True when every socket that was taken back is closed, which takes the workers a batch.
  [[nodiscard]] bool reap();
  // Waits for that, a second at most.
  bool settle();

  [[nodiscard]] std::uint32_t bound() const;
  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(queues_.size()); }
  [[nodiscard]] bool all_zero_copy() const;
  // Of the sockets that are bound: what the smallest takes; 0 without any.
  [[nodiscard]] std::uint32_t largest_frame() const;
  [[nodiscard]] std::uint32_t chunk_size() const;
  // Datagrams that found no room, of all queues, those closed included.
  [[nodiscard]] std::uint64_t lost() const;
  // Why the first queue that has no socket has none; empty when all have one.
  [[nodiscard]] std::string fault() const;
  // Why the first queue that copies, although zero-copy was wished for, does; empty when none.
  [[nodiscard]] std::string copy_reason() const;
  // What the sockets are less than was asked for, once each.
  [[nodiscard]] std::vector<std::string> notes() const;
  [[nodiscard]] std::vector<QueueStatus> status(const SteerProgram& program) const;

 private:
  struct Queue {
    std::unique_ptr<XskSocket> socket;  // null: it could not be bound
    std::string fault;
    std::string copy_reason;
    std::size_t worker = 0;
    bool started = false;
  };
  struct Closing {
    std::unique_ptr<XskSocket> socket;
    std::size_t worker = 0;
    std::uint64_t ticket = 0;
  };

  [[nodiscard]] QueueStatus status_of(std::uint32_t number, const xm_queue& shared) const;

  std::vector<Worker*> workers_;
  std::vector<Queue> queues_;  // by number
  std::list<Closing> closing_;
  std::uint64_t lost_before_ = 0;  // by sockets that are closed
};

}  // namespace xm
