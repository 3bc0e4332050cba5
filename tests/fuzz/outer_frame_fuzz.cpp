// Any frames that an XDP program may redirect: what is handed on lies inside its frame, and every
// chunk is accounted for. The input is frames, each behind its length (16 bits, big-endian).
#include <linux/if_xdp.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "agent/io/umem_receiver.hpp"
#include "agent/wire/outer.hpp"

namespace {

constexpr std::uint32_t kChunk = 2048;
constexpr std::uint32_t kChunks = 8;
constexpr std::uint32_t kHeadroom = 256;

void require(bool holds) {
  if (!holds) std::abort();
}

template <typename Entry>
struct Ring {
  xm::XskRingMemory<Entry> memory() {
    return {&producer, &consumer, &flags, entries.data(), kChunks};
  }
  std::uint32_t producer = 0;
  std::uint32_t consumer = 0;
  std::uint32_t flags = 0;
  std::array<Entry, kChunks> entries{};
};

// Of an exact copy, so that the sanitizer sees the frame's end.
void check_parse(const std::uint8_t* data, std::size_t size) {
  const std::vector<std::uint8_t> frame(data, data + size);
  xm::OuterDatagram datagram;
  if (xm::parse_outer(frame, datagram) != xm::OuterVerdict::datagram) return;
  require(datagram.payload_offset + std::size_t{datagram.payload_length} <= size);
  require(datagram.source != datagram.destination);
  require(datagram.source.family == datagram.destination.family);
  require(datagram.ecn <= 3);
}

void check_batch(const xm::ReceiveBatch& batch, const std::vector<std::uint8_t>& umem) {
  for (std::size_t i = 0; i < batch.frame_count; ++i) {
    const xm::Frame& frame = batch.frames[i];
    require(frame.source < batch.source_count);
    require(frame.data >= umem.data() && frame.data + frame.length <= umem.data() + umem.size());
    const auto offset = static_cast<std::size_t>(frame.data - umem.data());
    require(offset % kChunk + frame.length <= kChunk);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto batch = std::make_unique<xm::ReceiveBatch>();
  std::vector<std::uint8_t> umem(std::size_t{kChunks} * kChunk);
  Ring<std::uint64_t> fill;
  Ring<xdp_desc> received;
  xm::UmemReceiver receiver(umem, kChunk, xm::FillRing(fill.memory()),
                            xm::ReceiveRing(received.memory()));
  while (size >= 2) {
    const std::size_t length =
        std::min<std::size_t>({xm::load_be16(data), size - 2, std::size_t{kChunk - kHeadroom}});
    check_parse(data + 2, length);
    receiver.refill();
    require(fill.producer != fill.consumer);
    const std::uint64_t at = fill.entries[fill.consumer++ % kChunks] + kHeadroom;
    std::memcpy(umem.data() + at, data + 2, length);
    received.entries[received.producer++ % kChunks] = {at, static_cast<std::uint32_t>(length), 0};
    require(receiver.receive(*batch, 7));
    require(batch->frame_count + batch->outer_malformed + batch->outer_checksum +
                batch->outer_martian ==
            1);
    check_batch(*batch, umem);
    require(receiver.chunks().is_conserved() && receiver.bad_descriptors() == 0);
    data += 2 + length;
    size -= 2 + length;
  }
  return 0;
}
