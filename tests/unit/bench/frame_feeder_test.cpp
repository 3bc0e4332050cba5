#include "agent/bench/frame_feeder.hpp"

#include <doctest/doctest.h>

#include <array>

#include "agent/wire/outer.hpp"

namespace xm::bench {

TEST_CASE("frame feeder: a frame is what the receive path takes from a card") {
  const std::array<std::uint8_t, 6> mac{2, 0, 0, 0, 0, 9};
  const Endpoint from = *Endpoint::parse("192.0.2.1:4000");
  const Endpoint to = *Endpoint::parse("192.0.2.2:51820");
  const std::array<std::uint8_t, 5> payload{1, 2, 3, 4, 5};
  const std::vector<std::uint8_t> frame = udp_frame(mac, from, to, payload);

  CHECK(std::equal(mac.begin(), mac.end(), frame.begin()));
  OuterDatagram datagram;
  REQUIRE(parse_outer(frame, datagram) == OuterVerdict::datagram);
  CHECK(datagram.source == from.address);
  CHECK(datagram.destination == to.address);
  CHECK(datagram.source_port == from.port);
  CHECK(datagram.destination_port == to.port);
  REQUIRE(datagram.payload_length == payload.size());
  CHECK(std::equal(payload.begin(), payload.end(), frame.begin() + datagram.payload_offset));
}

}  // namespace xm::bench
