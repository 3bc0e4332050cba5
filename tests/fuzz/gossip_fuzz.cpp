// Gossip from anyone. The first byte chooses who sends the rest:
//   0   a stranger, as it is
//   1   a stranger who knows our identity: the mac is made to hold
//   2   a member: the rest is a payload
// What parses is written back as it came. A stranger changes nothing and gets no more bytes than it
// sent; a member makes nobody dead and fills no table.
#include <algorithm>
#include <cstdlib>
#include <memory>

#include "tests/fuzz/gossip_world.hpp"

namespace xm::test {
namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

// Ended by zeroes at most, which are padding.
void check_codec(Bytes payload) {
  const auto messages = parse_messages(payload);
  if (!messages) return;
  ByteWriter out;
  for (const GossipMessage& message : *messages) write_message(out, message);
  const Bytes written = out.written();
  require(written.size() <= payload.size());
  require(std::equal(written.begin(), written.end(), payload.begin()));
  const Bytes rest = payload.subspan(written.size());
  require(std::all_of(rest.begin(), rest.end(), [](std::uint8_t byte) { return byte == 0; }));
}

std::size_t bytes_answered(Gossip& gossip) {
  std::size_t sum = 0;
  for (const GossipAction& action : gossip.take_actions()) {
    const auto* const send = std::get_if<SendDatagram>(&action);
    if (send != nullptr) sum += send->bytes.size();
    require(!std::holds_alternative<EndpointVerified>(action));
    require(!std::holds_alternative<MemberChanged>(action));
  }
  return sum;
}

void as_stranger(GossipWorld& world, Bytes datagram) {
  Gossip& gossip = *world.lab[1].gossip;
  const Endpoint source = Endpoint::parse("198.51.100.66:6666").value();
  gossip.receive(datagram, source, world.lab.now);
  require(bytes_answered(gossip) <= datagram.size());
  // What waited for the budget.
  world.lab.now = world.lab.now + std::chrono::seconds(1);
}

void as_stranger_with_mac(GossipWorld& world, Bytes datagram) {
  std::vector<std::uint8_t> bytes(datagram.begin(), datagram.end());
  if (bytes.size() < kEnvelopeSize) return;
  const Key key =
      envelope_mac_key(world.lab.words.mesh(), MacAudience::identity, world.lab[1].identity.key);
  const Mac16 mac =
      blake2b_mac(key.expose(), {Bytes(bytes).first(8), Bytes(bytes).subspan(kEnvelopeSize)});
  std::copy(mac.begin(), mac.end(), bytes.begin() + 8);
  as_stranger(world, bytes);
}

void as_member(GossipWorld& world, Bytes payload) {
  SwimOptions options;
  Swim swim(world.lab[1].identity, options, world.lab[1].authority, world.lab[1].random);
  require(swim.start(world.lab[1].record, world.lab.now));
  swim.introduce(world.lab[0].record, nullptr, false, world.lab.now);
  swim.receive(world.lab[0].identity, {world.lab[0].endpoint, true}, payload, world.lab.now);
  require(swim.members().size() == 1);
  require(swim.members().dead() == 0);
  for (const SwimAction& action : swim.take_actions()) {
    const auto* const send = std::get_if<SendPayload>(&action);
    if (send != nullptr) require(parse_messages(send->payload).has_value());
  }
}

}  // namespace
}  // namespace xm::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace xm;
  using namespace xm::test;
  static auto world = std::make_unique<GossipWorld>();
  if (size == 0) return 0;
  const Bytes rest(data + 1, size - 1);
  check_codec(rest);
  switch (data[0]) {
    case 0:
      as_stranger(*world, rest);
      break;
    case 1:
      as_stranger_with_mac(*world, rest);
      break;
    case 2:
      as_member(*world, rest);
      break;
    default:
      break;
  }
  return 0;
}
