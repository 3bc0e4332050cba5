#include "agent/io/xsk_socket.hpp"

#include <sys/socket.h>

#include <cassert>
#include <utility>

namespace xm {

Result<std::unique_ptr<XskSocket>> XskSocket::create(const XskOptions& options) {
  Result<XskParts> parts = make_xsk(options);
  if (!parts) return parts.error();
  std::unique_ptr<XskSocket> made(new XskSocket(std::move(*parts)));
  made->receiver_.refill();
  if (Status bound = bind_xsk(made->parts_); !bound) return bound.error();
  return made;
}

XskSocket::XskSocket(XskParts parts)
    : parts_(std::move(parts)),
      receiver_(parts_.umem.bytes(), parts_.options.chunk_size, FillRing(parts_.fill),
                ReceiveRing(parts_.received)) {}

bool XskSocket::receive(ReceiveBuffers& /*buffers*/, ReceiveBatch& batch) {
  receiver_.refill();
  wake_driver();
  return receiver_.receive(batch, parts_.options.interface_index);
}

// A system call only where the driver waits for one, or is driven by nobody else.
void XskSocket::wake_driver() {
  if (!parts_.fd || (parts_.options.busy_poll == 0 && !receiver_.needs_wakeup())) return;
  (void)::recv(parts_.fd.get(), nullptr, 0, MSG_DONTWAIT);
}

void XskSocket::send(std::span<SendRun> runs, Instant /*now*/) {
  assert(runs.empty());
  for (SendRun& run : runs) {
    run.forget_losses();
    run.lost = run.segments();
  }
}

void XskSocket::close() {
  if (!parts_.fd) return;
  receiver_.end();
  // Mapped rings are references to the socket: it goes with the last of the three.
  parts_.fill_memory = {};
  parts_.receive_memory = {};
  parts_.fd.reset();
}

XskStatistics XskSocket::statistics() const {
  XskStatistics statistics;
  xdp_statistics kernel{};
  socklen_t length = sizeof kernel;
  // A closed socket has none. Before Linux 5.9 the last three are missing, and stay 0.
  (void)getsockopt(parts_.fd.get(), SOL_XDP, XDP_STATISTICS, &kernel, &length);
  statistics.rx_dropped = kernel.rx_dropped;
  statistics.rx_invalid_descs = kernel.rx_invalid_descs;
  statistics.tx_invalid_descs = kernel.tx_invalid_descs;
  statistics.rx_ring_full = kernel.rx_ring_full;
  statistics.rx_fill_ring_empty_descs = kernel.rx_fill_ring_empty_descs;
  statistics.tx_ring_empty_descs = kernel.tx_ring_empty_descs;
  statistics.receive_ring_filled = receiver_.waiting();
  statistics.receive_ring_size = parts_.options.receive_ring;
  statistics.fill_ring_filled = receiver_.filled();
  statistics.fill_ring_size = parts_.options.fill_ring;
  statistics.chunks = receiver_.chunks();
  statistics.bad_descriptors = receiver_.bad_descriptors();
  return statistics;
}

}  // namespace xm
