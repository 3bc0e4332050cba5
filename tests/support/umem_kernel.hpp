// The kernel's side of an AF_XDP socket's rings: it takes chunks from the fill ring and returns
// them with frames.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "agent/io/umem_receiver.hpp"
#include "tests/support/packet_builder.hpp"

namespace xm::test {

inline constexpr std::uint32_t kUmemChunk = 2048;
inline constexpr std::uint32_t kUmemHeadroom = 256;

template <typename Entry>
struct UmemRing {
  // Both indices begin shortly before they wrap.
  explicit UmemRing(std::uint32_t size) : entries(size) {}
  XskRingMemory<Entry> memory() {
    return {&producer, &consumer, &flags, entries.data(),
            static_cast<std::uint32_t>(entries.size())};
  }
  Entry& at(std::uint32_t index) { return entries[index & (entries.size() - 1)]; }

  std::uint32_t producer = 0xfffffffb;
  std::uint32_t consumer = 0xfffffffb;
  std::uint32_t flags = 0;
  std::vector<Entry> entries;
};

struct UmemKernel {
  UmemKernel(std::uint32_t chunks, std::uint32_t ring_size)
      : umem(std::size_t{chunks} * kUmemChunk),
        fill(ring_size),
        received(ring_size),
        receiver(umem, kUmemChunk, FillRing(fill.memory()), ReceiveRing(received.memory())) {}

  // False when there is no chunk for it, or no room to tell of it.
  bool deliver(const Packet& frame) {
    if (fill.consumer == fill.producer) return false;
    if (received.producer - received.consumer == received.entries.size()) return false;
    const std::uint64_t at = fill.at(fill.consumer++) + kUmemHeadroom;
    std::copy(frame.begin(), frame.end(), umem.begin() + static_cast<long>(at));
    tell({at, static_cast<std::uint32_t>(frame.size()), 0});
    return true;
  }
  void tell(const xdp_desc& descriptor) { received.at(received.producer++) = descriptor; }
  [[nodiscard]] std::uint32_t filled() const { return fill.producer - fill.consumer; }

  // The numbers in front of what arrives in one receive.
  std::vector<unsigned> receive() {
    receiver.refill();
    all_received = receiver.receive(*batch, 7);
    CHECK(receiver.chunks().is_conserved());
    std::vector<unsigned> numbers;
    for (std::size_t i = 0; i < batch->frame_count; ++i) {
      numbers.push_back(batch->frames[i].data[0]);
    }
    return numbers;
  }

  std::vector<std::uint8_t> umem;
  UmemRing<std::uint64_t> fill;
  UmemRing<xdp_desc> received;
  UmemReceiver receiver;
  std::unique_ptr<ReceiveBatch> batch = std::make_unique<ReceiveBatch>();
  bool all_received = false;
};

}  // namespace xm::test
