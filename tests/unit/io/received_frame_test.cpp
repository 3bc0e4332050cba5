#include "agent/io/received_frame.hpp"

#include <doctest/doctest.h>

#include <memory>

#include "tests/support/outer_frames.hpp"

using namespace xm;
using namespace xm::test;

namespace {

struct Batch {
  std::unique_ptr<ReceiveBatch> batch = std::make_unique<ReceiveBatch>();
  std::vector<Packet> frames;  // what the batch's frames point into

  bool add(const Packet& frame) {
    frames.push_back(frame);
    return add_frame(*batch, frames.back(), 7);
  }
  bool add(const PacketSpec& spec) { return add(build_frame(build_packet(spec))); }
  [[nodiscard]] const Source& source_of(std::size_t frame) const {
    return batch->sources[batch->frames[frame].source];
  }
};

}  // namespace

TEST_CASE("received frame: the payload is lent in place, with where it came from") {
  Batch in;
  REQUIRE(in.add(udp_spec(100)));
  REQUIRE(in.add(udp6_spec(50)));
  ReceiveBatch& batch = *in.batch;
  REQUIRE(batch.frame_count == 2);
  CHECK(batch.frames[0].data == in.frames[0].data() + 42);
  CHECK(batch.frames[0].length == 100);
  CHECK(in.source_of(0).remote == Endpoint::parse("192.0.2.1:40000").value());
  CHECK(in.source_of(0).local == IpAddress::parse("192.0.2.2").value());
  CHECK(in.source_of(0).interface_index == 7);
  CHECK(in.source_of(0).path == ReceivePath::xdp);
  CHECK(batch.frames[1].data == in.frames[1].data() + 62);
  CHECK(in.source_of(1).remote == Endpoint::parse("[2001:db8::1]:40000").value());
}

TEST_CASE("received frame: frames in a row share a source as long as all of it is the same") {
  Batch in;
  PacketSpec spec = udp_spec();
  REQUIRE(in.add(spec));
  REQUIRE(in.add(spec));
  CHECK(in.batch->source_count == 1);
  spec.traffic_class = 3;
  REQUIRE(in.add(spec));
  spec.source_port = 1;
  REQUIRE(in.add(spec));
  spec.source = "192.0.2.3";
  REQUIRE(in.add(spec));
  spec.destination = "192.0.2.4";
  REQUIRE(in.add(spec));
  REQUIRE(in.add(build_frame(build_packet(spec), {{0x8100, 1}})));
  CHECK(in.batch->source_count == 6);
  CHECK(in.batch->frame_count == 7);
  CHECK(in.source_of(2).ecn == 3);
}

TEST_CASE("received frame: a link-local source has the interface as its scope") {
  Batch in;
  PacketSpec spec = udp6_spec();
  spec.source = "fe80::1";
  spec.destination = "fe80::2";
  REQUIRE(in.add(spec));
  CHECK(in.source_of(0).remote == Endpoint::parse("[fe80::1%7]:40000").value());
  // Behind a tag it is a VLAN interface's, and nobody says which.
  REQUIRE(in.add(build_frame(build_packet(spec), {{0x8100, 1}})));
  CHECK(in.batch->outer_martian == 1);
  REQUIRE(in.add(build_frame(build_packet(udp_spec()), {{0x8100, 1}})));
  CHECK(in.source_of(1).interface_index == 0);
}

TEST_CASE("received frame: what is no datagram is counted under its reason and not handed on") {
  Batch in;
  Packet packet = build_packet(udp_spec());
  packet[8] = 1;  // the checksum does not know
  REQUIRE(in.add(build_frame(packet)));
  PacketSpec spec = udp_spec();
  spec.source = "127.0.0.1";
  REQUIRE(in.add(spec));
  spec = udp_spec();
  spec.protocol = 6;
  REQUIRE(in.add(spec));
  CHECK(in.batch->frame_count == 0);
  CHECK(in.batch->outer_checksum == 1);
  CHECK(in.batch->outer_martian == 1);
  CHECK(in.batch->outer_malformed == 1);
  in.batch->clear();
  CHECK(in.batch->outer_checksum + in.batch->outer_martian + in.batch->outer_malformed == 0);
}

TEST_CASE("received frame: a batch takes as many sources and frames as it has room for") {
  Batch sources;
  PacketSpec spec = udp_spec();
  for (std::size_t i = 0; i < ReceiveBatch::kMaxSources; ++i) {
    spec.source_port = static_cast<std::uint16_t>(1000 + i);
    REQUIRE(sources.add(spec));
  }
  CHECK(sources.add(spec));  // once more from the last
  spec.source_port = 1;
  CHECK_FALSE(sources.add(spec));
  CHECK(sources.batch->frame_count == ReceiveBatch::kMaxSources + 1);

  Batch frames;
  for (std::size_t i = 0; i < ReceiveBatch::kMaxFrames; ++i) REQUIRE(frames.add(udp_spec()));
  CHECK_FALSE(frames.add(udp_spec()));
  CHECK(frames.batch->frame_count == ReceiveBatch::kMaxFrames);
}
