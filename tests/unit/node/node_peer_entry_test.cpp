#include "agent/node_peer_entry.hpp"

#include <doctest/doctest.h>

#include <string>

namespace xm {
namespace {

PeerSummary summary() {
  PeerSummary peer;
  peer.id = 7;
  peer.public_key.fill(1);
  peer.received_bytes = 100;
  peer.sent_bytes = 200;
  peer.last_handshake.nanoseconds = 3'500'000'000;
  return peer;
}

}  // namespace

TEST_CASE("peer entry: a member has the mesh's name, a static peer its key") {
  const PeerSummary peer = summary();
  CHECK(std::string(peer_entry(peer, {}).name) == "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=");
  CHECK(std::string(peer_entry(peer, {{peer.public_key, "gate"}}).name) == "gate");
  PublicKey other = peer.public_key;
  other[31] = 2;
  CHECK(std::string(peer_entry(peer, {{other, "gate"}}).name).starts_with("AQEB"));
}

TEST_CASE("peer entry: a name that is too long is cut, and ends") {
  const PeerSummary peer = summary();
  const std::string longest(63, 'x');
  CHECK(std::string(peer_entry(peer, {{peer.public_key, longest + "yz"}}).name) == longest);
}

TEST_CASE("peer entry: numbers, and an endpoint where there is one") {
  PeerSummary peer = summary();
  const xm_peer without = peer_entry(peer, {});
  CHECK(without.id == 7);
  CHECK(without.received_bytes == 100);
  CHECK(without.sent_bytes == 200);
  CHECK(without.last_handshake == 3);
  CHECK(without.endpoint_port == 0);
  peer.endpoint = {*IpAddress::parse("192.0.2.1"), 51820};
  const xm_peer with = peer_entry(peer, {});
  CHECK(with.endpoint_port == 51820);
  CHECK(with.endpoint.octets[12] == 192);
  CHECK(with.endpoint.octets[15] == 1);
}

}  // namespace xm
