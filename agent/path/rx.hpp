// Receiving: one batch of datagrams from a socket to the TUN device, on one thread, to completion.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "agent/path/coalesce.hpp"
#include "agent/path/context.hpp"

namespace xm {

class Rx {
 public:
  // All references outlive this object. `tun` is the worker's own queue, `buffers` what its sockets
  // receive into.
  Rx(const PathContext& context, const PathThread& thread, TunQueue& tun, ReceiveBuffers& buffers);

  // Carries one batch from `socket` to the TUN device. Returns how many datagrams there were; a
  // full batch (see `more`) means that more may be waiting.
  std::size_t run(DatagramReceiver& socket);

  // Whether the last run() may have left something to receive.
  [[nodiscard]] bool more() const { return more_; }
  // Whether some of it has been received already, so that no descriptor tells of it.
  [[nodiscard]] bool holds_rest() const { return batch_.rest_is_held; }

 private:
  // A data message on its way: jobs_[i] of the same index says where its bytes are.
  struct Packet {
    PeerSession* session;
    const Source* source;
  };
  struct Run {
    std::size_t begin;
    std::size_t end;
  };

  void count_undelivered();
  void walk();
  [[nodiscard]] std::uint64_t find_own_sources() const;
  void classify(Instant now);
  void classify_data(const Frame& frame, Instant now);
  void hand_to_control(const Frame& frame);
  void take_foreign(const Frame& frame);
  [[nodiscard]] Run next_run(std::size_t begin) const;
  void decrypt(Run run);
  void check_replay(Run run);
  void note_arrival(Run run, Instant now);
  void check_endpoint(Peer& peer, const Source& source);
  void answer_there(Peer& peer, const SendPath& old_path, const Source& source);
  void admit(Run run);
  [[nodiscard]] bool source_is_allowed(Bytes packet, const Peer& peer);
  void deliver();

  const PathContext& context_;
  PathThread thread_;
  TunQueue& tun_;
  ReceiveBuffers& buffers_;

  // One batch's state, overwritten by the next run().
  ReceiveBatch batch_;
  std::array<Packet, ReceiveBatch::kMaxFrames> packets_;
  std::array<AeadJob, ReceiveBatch::kMaxFrames> jobs_;
  std::size_t packet_count_ = 0;
  const AllowedIps* allowed_ips_ = nullptr;
  std::uint64_t own_sources_ = 0;  // one bit a source of the batch
  static_assert(ReceiveBatch::kMaxSources <= 64);
  static_assert(Coalescer::kCapacity >= ReceiveBatch::kMaxFrames);
  Coalescer coalescer_;
  std::array<TunWrite, Coalescer::kCapacity> writes_;
  bool more_ = false;
};

}  // namespace xm
