// An AF_XDP socket: what an XDP program redirects from one receive queue of one interface, without
// the kernel's network stack (Documentation/networking/af_xdp.rst).
//
// Made of plain system calls: libxdp 1.3 insists on a say in which program is loaded and knows no
// zero-copy that may fail, and what remains of it are two rings (xsk_ring.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "agent/io/datagram_socket.hpp"
#include "agent/io/umem_receiver.hpp"
#include "agent/io/xsk_setup.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// A moment's figures. The first six are the kernel's XDP_STATISTICS, since the socket was made.
struct XskStatistics {
  std::uint64_t rx_dropped = 0;  // longer than a chunk, among others
  std::uint64_t rx_invalid_descs = 0;
  std::uint64_t tx_invalid_descs = 0;
  std::uint64_t rx_ring_full = 0;
  std::uint64_t rx_fill_ring_empty_descs = 0;  // the worker was too slow in giving chunks back
  std::uint64_t tx_ring_empty_descs = 0;
  std::uint32_t receive_ring_filled = 0;  // frames that wait for the worker
  std::uint32_t receive_ring_size = 0;
  std::uint32_t fill_ring_filled = 0;  // chunks that wait for frames
  std::uint32_t fill_ring_size = 0;
  ChunkCount chunks;
  std::uint64_t bad_descriptors = 0;  // UmemReceiver::bad_descriptors()
};

// Thread: receive() by one at a time; close() while nobody receives; what is const by any.
class XskSocket final : public DatagramSocket {
 public:
  // Needs CAP_NET_RAW, and is made in the interface's network namespace. Waits for a queue
  // that another socket has, as long as the options say.
  //
  // Where the limit on locked memory does not allow for all chunks, and CAP_IPC_LOCK is missing,
  // there are fewer: see note(). Errors say what the kernel or the driver refused.
  [[nodiscard]] static Result<std::unique_ptr<XskSocket>> create(const XskOptions& options);
  ~XskSocket() override { close(); }

  // The frames lie in the UMEM, writable, and are lent until end_loan(), the next receive() on this
  // socket or its close(); `buffers` are not used. What is no datagram is counted in the batch.
  bool receive(ReceiveBuffers& buffers, ReceiveBatch& batch) override;
  // The chunks go back to the kernel by the batch: what is held stays below one, also when nothing
  // more comes.
  void end_loan() override { receiver_.refill(); }
  // Nobody sends on it, for peers' paths have UDP sockets: all is reported as lost.
  void send(std::span<SendRun> runs, Instant now) override;
  // To poll, and to put into an xskmap; -1 after close().
  [[nodiscard]] int fd() const override { return parts_.fd.get(); }

  // Lets go of the queue; receive() brings nothing any more. When it returns the kernel writes into
  // the UMEM no more, and statistics() counts all chunks as held. After PathIo::remove().
  void close();

  [[nodiscard]] XskStatistics statistics() const;
  // With what was chosen in place of 0, and as many chunks as there are.
  [[nodiscard]] const XskOptions& options() const { return parts_.options; }
  // In bytes, Ethernet header included: longer frames do not fit a chunk (xm_config).
  [[nodiscard]] std::uint32_t largest_frame() const {
    return largest_frame_of(parts_.options.chunk_size);
  }
  [[nodiscard]] bool is_zero_copy() const { return parts_.is_zero_copy; }
  // Why it copies, in the kernel's words, where zero-copy was left to it; else empty.
  [[nodiscard]] const std::string& copy_reason() const { return parts_.copy_reason; }
  [[nodiscard]] bool has_huge_pages() const { return parts_.umem.has_huge_pages(); }
  // What is less than was asked for, and why, as one sentence; empty when nothing is.
  [[nodiscard]] const std::string& note() const { return parts_.note; }

 private:
  explicit XskSocket(XskParts parts);
  void wake_driver();

  XskParts parts_;
  UmemReceiver receiver_;
};

}  // namespace xm
