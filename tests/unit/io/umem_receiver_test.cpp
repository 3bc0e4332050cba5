// The test is the kernel: it takes chunks from the fill ring and returns them with frames.
#include "agent/io/umem_receiver.hpp"

#include <doctest/doctest.h>

#include "tests/support/outer_frames.hpp"
#include "tests/support/umem_kernel.hpp"

using namespace xm;
using namespace xm::test;

namespace {

Packet frame_number(unsigned number, std::uint16_t port = 40000) {
  PacketSpec spec = udp_spec();
  spec.source_port = port;
  spec.payload[0] = static_cast<std::uint8_t>(number);
  return build_frame(build_packet(spec));
}

}  // namespace

TEST_CASE("umem: frames arrive in order, and chunks go round for ever") {
  UmemKernel kernel(16, 16);
  CHECK(kernel.receive().empty());
  CHECK(kernel.all_received);
  CHECK(kernel.filled() == 16);
  for (unsigned round = 0; round < 100; ++round) {
    std::vector<unsigned> sent;
    for (unsigned i = 0; i < 5; ++i) {
      sent.push_back((round * 5 + i) & 0xff);
      REQUIRE(kernel.deliver(frame_number(sent.back())));
    }
    CHECK(kernel.receive() == sent);
    CHECK(kernel.receiver.chunks().held == 5);
  }
  CHECK(kernel.receive().empty());
  CHECK(kernel.receiver.chunks().with_kernel == 16);
}

TEST_CASE("umem: what is lent is not given to the kernel before the next receive") {
  UmemKernel kernel(16, 16);
  (void)kernel.receive();
  for (unsigned i = 0; i < 16; ++i) REQUIRE(kernel.deliver(frame_number(i)));
  CHECK(kernel.receive().size() == 16);
  CHECK(kernel.filled() == 0);
  CHECK_FALSE(kernel.deliver(frame_number(99)));
  for (unsigned i = 0; i < 16; ++i) CHECK(kernel.batch->frames[i].data[0] == i);
  CHECK(kernel.receive().empty());  // the fill ring was dry and is full again
  CHECK(kernel.filled() == 16);
  CHECK(kernel.deliver(frame_number(16)));
}

TEST_CASE("umem: few chunks wait to be given back together, unless the driver waits for them") {
  UmemKernel kernel(512, 512);
  (void)kernel.receive();
  for (unsigned i = 0; i < UmemReceiver::kRefillBatch - 1; ++i) {
    REQUIRE(kernel.deliver(frame_number(i)));
  }
  (void)kernel.receive();
  (void)kernel.receive();
  CHECK(kernel.receiver.chunks().held == UmemReceiver::kRefillBatch - 1);
  kernel.fill.flags = XDP_RING_NEED_WAKEUP;
  CHECK(kernel.receiver.needs_wakeup());
  (void)kernel.receive();
  CHECK(kernel.filled() == 512);
}

TEST_CASE("umem: a fill ring with less room than there are chunks gets what it has room for") {
  UmemKernel kernel(32, 8);
  (void)kernel.receive();
  CHECK(kernel.filled() == 8);
  CHECK(kernel.receiver.chunks().held == 24);
  for (unsigned i = 0; i < 3; ++i) REQUIRE(kernel.deliver(frame_number(i)));
  CHECK(kernel.receive() == std::vector<unsigned>{0, 1, 2});
  CHECK(kernel.filled() == 8);
}

TEST_CASE("umem: what a batch has no room for stays in the ring and comes next") {
  UmemKernel kernel(1024, 1024);
  (void)kernel.receive();
  for (unsigned i = 0; i < 100; ++i) {
    const auto port = static_cast<std::uint16_t>(1000 + i);  // more sources than a batch has
    REQUIRE(kernel.deliver(frame_number(i, port)));
  }
  for (unsigned i = 0; i < 600; ++i) REQUIRE(kernel.deliver(frame_number(100)));
  CHECK(kernel.receive().size() == ReceiveBatch::kMaxSources);
  CHECK_FALSE(kernel.all_received);
  CHECK_FALSE(kernel.batch->rest_is_held);
  const std::vector<unsigned> second = kernel.receive();
  CHECK(second.front() == ReceiveBatch::kMaxSources);
  CHECK(second.size() == ReceiveBatch::kMaxFrames);
  CHECK_FALSE(kernel.all_received);
  CHECK(kernel.receive().size() == 700 - 64 - 512);
  CHECK(kernel.all_received);
}

TEST_CASE("umem: chunks of frames that are no datagrams come back too") {
  UmemKernel kernel(16, 16);
  (void)kernel.receive();
  for (unsigned i = 0; i < 100; ++i) {
    REQUIRE(kernel.deliver(Packet(60)));
    CHECK(kernel.receive().empty());
    CHECK(kernel.batch->outer_malformed == 1);
  }
  CHECK(kernel.receiver.bad_descriptors() == 0);
}

TEST_CASE("umem: one receive looks at no more frames than a batch could have held") {
  constexpr unsigned kChunks = 4 * UmemReceiver::kMostLooks;
  UmemKernel kernel(kChunks, kChunks);
  (void)kernel.receive();
  for (unsigned i = 0; i < kChunks; ++i) REQUIRE(kernel.deliver(Packet(60)));
  for (unsigned round = 1; round <= 4; ++round) {
    CHECK(kernel.receive().empty());
    CHECK(kernel.batch->outer_malformed == UmemReceiver::kMostLooks);
    CHECK(kernel.all_received == (round == 4));
  }
}

TEST_CASE("umem: a descriptor that cannot be true is counted and not followed") {
  UmemKernel kernel(16, 16);
  (void)kernel.receive();
  REQUIRE(kernel.deliver(frame_number(1)));
  const xdp_desc good = kernel.received.at(kernel.received.producer - 1);
  kernel.tell(good);                      // a chunk twice
  kernel.tell({16 * kUmemChunk, 60, 0});  // beyond the memory
  kernel.tell({~std::uint64_t{0}, 60, 0});
  kernel.tell({std::uint64_t{1} << 44, 60, 0});  // its chunk number, cut to 32 bits, would be 0
  CHECK(kernel.receive() == std::vector<unsigned>{1});
  CHECK(kernel.receiver.bad_descriptors() == 4);

  const std::uint64_t at = kernel.fill.at(kernel.fill.consumer++) + kUmemHeadroom;
  kernel.tell({at, kUmemChunk - kUmemHeadroom + 1, 0});  // into the next chunk
  CHECK(kernel.receive().empty());
  CHECK(kernel.receiver.bad_descriptors() == 5);
  CHECK(kernel.receiver.chunks().with_kernel == 14);
}

TEST_CASE("umem: when the kernel has let go all chunks are held and nothing arrives any more") {
  UmemKernel kernel(16, 16);
  (void)kernel.receive();
  for (unsigned i = 0; i < 5; ++i) REQUIRE(kernel.deliver(frame_number(i)));
  kernel.receiver.end();
  CHECK(kernel.receiver.chunks().held == 16);
  CHECK(kernel.receiver.chunks().with_kernel == 0);
  CHECK(kernel.receive().empty());
  CHECK(kernel.all_received);
  CHECK(kernel.receiver.filled() == 0);
  CHECK(kernel.receiver.waiting() == 0);
}
