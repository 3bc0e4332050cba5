#include "agent/io/umem_receiver.hpp"

#include <algorithm>
#include <cassert>

#include "agent/io/received_frame.hpp"

namespace xm {

UmemReceiver::UmemReceiver(MutableBytes umem, std::uint32_t chunk_size, FillRing fill,
                           ReceiveRing received)
    : umem_(umem),
      chunk_size_(chunk_size),
      refill_batch_(
          std::clamp(static_cast<std::uint32_t>(umem.size() / chunk_size / 4), 1U, kRefillBatch)),
      fill_(fill),
      received_(received),
      ledger_(static_cast<std::uint32_t>(umem.size() / chunk_size)) {}

void UmemReceiver::refill() {
  const std::uint32_t count = std::min(ledger_.held(), fill_.room());
  // A driver that sleeps for want of chunks is given what there is.
  if (count == 0 || (ledger_.held() < refill_batch_ && !fill_.needs_wakeup())) return;
  for (std::uint32_t i = 0; i < count; ++i) {
    fill_.put(std::uint64_t{ledger_.submit()} * chunk_size_);
  }
  fill_.publish();
  ledger_.publish();
}

bool UmemReceiver::receive(ReceiveBatch& batch, std::uint32_t interface_index) {
  batch.clear();
  const std::uint32_t waiting = received_.waiting();
  const std::uint32_t most = std::min(waiting, kMostLooks);
  std::uint32_t taken = 0;
  while (taken < most && take(batch, received_.peek(taken), interface_index)) ++taken;
  if (taken > 0) {
    received_.release(taken);
    ledger_.publish();
  }
  assert(ledger_.count().is_conserved());
  return taken == waiting;
}

// False when the batch has no room for the frame.
bool UmemReceiver::take(ReceiveBatch& batch, const xdp_desc& descriptor,
                        std::uint32_t interface_index) {
  const std::uint64_t chunk = descriptor.addr / chunk_size_;
  if (descriptor.addr >= umem_.size() ||
      !ledger_.is_with_kernel(static_cast<std::uint32_t>(chunk))) {
    bad_descriptors_.add();
    return true;
  }
  if (descriptor.len > chunk_size_ - descriptor.addr % chunk_size_) {
    bad_descriptors_.add();
  } else if (!add_frame(batch, umem_.subspan(descriptor.addr, descriptor.len), interface_index)) {
    return false;
  }
  ledger_.take_back(static_cast<std::uint32_t>(chunk));
  return true;
}

void UmemReceiver::end() {
  ledger_.take_all_back();
  assert(ledger_.count().is_conserved());
  fill_ = {};
  received_ = {};
}

}  // namespace xm
