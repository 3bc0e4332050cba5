// Sending: a batch of packets from the TUN device to the peers' sockets, on one thread, to
// completion.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "agent/path/context.hpp"
#include "agent/path/gso_batch.hpp"
#include "agent/path/split.hpp"
#include "agent/path/token_bucket.hpp"

namespace xm {

class Tx {
 public:
  // All references outlive this object.
  Tx(const PathContext& context, const PathThread& thread);

  // Carries what waits in `tun`, up to one batch. Returns how many packets were read; TunIo::gone
  // when the device was deleted.
  struct Outcome {
    std::size_t packets = 0;
    TunIo last = TunIo::would_block;
  };
  Outcome run(TunQueue& tun);

  // For the control thread's own Tx: a packet that waited for `peer`'s session (virtio header
  // included), and an empty one. Both need a later flush().
  void add_staged(Peer& peer, MutableBytes packet, Instant now);
  void add_keepalive(Peer& peer, Instant now);
  void flush(Instant now);

 private:
  // Datagrams of one session in a row: they take their counters together and leave together.
  struct Lot {
    PeerSession* session;
    const SendPath* path;
    std::size_t begin;  // indices of datagrams
    std::size_t end;
    std::uint32_t offset;  // of the first, in the arena
    bool has_data;
    bool sealed;
  };

  static constexpr std::size_t kMaxDatagrams = 128;
  // A batch is closed when it has this much: one whole super-packet, or many small packets.
  static constexpr std::uint32_t kBatchBytes = 48 * 1024;
  // A closed batch and one more super-packet; one that splits into more is sent in parts.
  static constexpr std::uint32_t kArena = 192 * 1024;

  void route(MutableBytes packet, TunQueue& tun, Instant now);
  void refuse(xm_drop reason, Bytes inner, TunQueue& tun, Instant now);
  [[nodiscard]] PeerSession* session_for(Peer& peer, Bytes packet, Instant now);
  void stage(const Peer& peer, Bytes packet);
  void split(PeerSession& session, const SendPath& path, Bytes packet, Instant now);
  [[nodiscard]] std::uint8_t* open_datagram(std::uint32_t length, Instant now);
  void close_datagram(PeerSession& session, const SendPath& path, std::uint32_t inner_length,
                      std::uint8_t tos);
  void encrypt(Lot& lot);
  [[nodiscard]] std::size_t batch(const Lot& lot, std::size_t run_count);
  void send(std::size_t run_count, Instant now);
  void note_departure(const Lot& lot, Instant now);

  const PathContext& context_;
  PathThread thread_;
  TokenBucket unreachable_limit_;

  // One batch's state; empty between batches.
  std::vector<std::uint8_t> arena_;  // the datagrams, one after the other without gaps
  std::uint32_t used_ = 0;
  std::array<SealedDatagram, kMaxDatagrams> datagrams_;
  std::size_t datagram_count_ = 0;
  std::array<Lot, kMaxDatagrams> lots_;
  std::size_t lot_count_ = 0;
  std::array<AeadJob, kMaxDatagrams> jobs_;
  std::array<SendRun, kMaxDatagrams> runs_;
};

}  // namespace xm
