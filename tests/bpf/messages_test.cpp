// The XDP program on messages: their shape, and the mac1 of those of the handshake.
#include "tests/bpf/rows.hpp"

namespace xm::test {
namespace {

constexpr PublicKey kSecondKey = {4, 5, 6};

// Keys of our port, and one of another.
void two_keys(SteerWorld& world) {
  world.ports = {51820, 4500};
  world.mac1_keys = {{kKey, 51820}, {kForeignKey, 4500}, {kSecondKey, 51820}};
}
void four_keys(SteerWorld& world) {
  world.mac1_keys = {
      {PublicKey{1}, 51820}, {PublicKey{2}, 51820}, {PublicKey{3}, 51820}, {kSecondKey, 51820}};
}
void five_keys(SteerWorld& world) {
  four_keys(world);
  world.mac1_keys.push_back({kKey, 51820});
}
Frame to_port(std::uint16_t port, std::vector<std::uint8_t> message) {
  FrameSpec spec = datagram4(std::move(message));
  spec.packet.destination_port = port;
  return build_frame(spec);
}
Frame with_flipped_bit(std::vector<std::uint8_t> message, std::size_t byte) {
  flip_bit(message, byte, 4);
  return message4(std::move(message));
}

}  // namespace

TEST_CASE("XDP program: what has no message's shape is not WireGuard's") {
  check_rows({
      {"an empty datagram", message4({}), XM_ROW_ENDS(PASS, pass_not_wireguard)},
      {"three bytes", message4({4, 0, 0}), XM_ROW_ENDS(PASS, pass_not_wireguard)},
      {"four bytes that name data", message4({4, 0, 0, 0}), XM_ROW_ENDS(PASS, pass_data_shape)},
      {"type 0", message4(noise_message(0, 128)), XM_ROW_ENDS(PASS, pass_not_wireguard)},
      {"type 5", message4(noise_message(5, 128)), XM_ROW_ENDS(PASS, pass_not_wireguard)},
      {"data with a reserved byte set", message4(noise_message(0x00000104, 128)),
       XM_ROW_ENDS(PASS, pass_not_wireguard)},
      {"data with its last reserved byte set", message4(noise_message(0x80000004, 128)),
       XM_ROW_ENDS(PASS, pass_not_wireguard)},
      {"the type at the wrong end", message4(noise_message(0x04000000, 128)),
       XM_ROW_ENDS(PASS, pass_not_wireguard)},
      {"a STUN binding request",
       message4({0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}),
       XM_ROW_ENDS(PASS, pass_not_wireguard)},
      {"an initiation one byte short", message4(noise_message(1, 147)),
       XM_ROW_ENDS(PASS, pass_not_wireguard)},
      {"an initiation one byte long", message4(noise_message(1, 149)),
       XM_ROW_ENDS(PASS, pass_not_wireguard)},
      {"a response of an initiation's length", message4(noise_message(2, 148)),
       XM_ROW_ENDS(PASS, pass_not_wireguard)},
      {"a cookie reply", message4(noise_message(3, 64)), XM_ROW_ENDS(PASS, pass_cookie_reply)},
      {"a cookie reply over IPv6", message6(noise_message(3, 64)),
       XM_ROW_ENDS(PASS, pass_cookie_reply)},
      {"a cookie reply one byte short", message4(noise_message(3, 63)),
       XM_ROW_ENDS(PASS, pass_not_wireguard)},
      {"data shorter than header and tag", message4(data_message(kNew, 7, 16)),
       XM_ROW_ENDS(PASS, pass_data_shape)},
      {"data one byte shorter than a keepalive", message4(data_message(kNew, 7, 31)),
       XM_ROW_ENDS(PASS, pass_data_shape)},
      {"data that is as long as an MTU of 1420 makes it", message4(data_message(kNew, 7, 1452)),
       XM_ROW_ENDS(REDIRECT, redirect)},
      {"the shape comes before what is known of the index", message4(data_message(kUnknown, 7, 24)),
       XM_ROW_ENDS(PASS, pass_data_shape)},
  });
}

TEST_CASE("XDP program: a handshake message's mac1 decides") {
  check_rows({
      {"a good initiation", message4(initiation(kKey)), XM_ROW_ENDS(PASS, pass_handshake)},
      {"a good initiation over IPv6", message6(initiation(kKey)),
       XM_ROW_ENDS(PASS, pass_handshake)},
      {"a good response", message4(response(kKey)), XM_ROW_ENDS(PASS, pass_handshake)},
      {"a good response over IPv6", message6(response(kKey)), XM_ROW_ENDS(PASS, pass_handshake)},
      {"an initiation to another key", message4(initiation(kForeignKey)),
       XM_ROW_ENDS(DROP, drop_bad_mac1)},
      {"a response to another key", message6(response(kForeignKey)),
       XM_ROW_ENDS(DROP, drop_bad_mac1)},
      {"an initiation without macs", message4(noise_message(1, 148)),
       XM_ROW_ENDS(DROP, drop_bad_mac1)},
      {"a response of zeroes", message4([] {
         Packet message(92);
         message[0] = 2;
         return message;
       }()),
       XM_ROW_ENDS(DROP, drop_bad_mac1)},
      {"a bit of the sender index", with_flipped_bit(initiation(kKey), 4),
       XM_ROW_ENDS(DROP, drop_bad_mac1)},
      {"the last byte of the first block", with_flipped_bit(initiation(kKey), 63),
       XM_ROW_ENDS(DROP, drop_bad_mac1)},
      {"the first byte of the second block", with_flipped_bit(initiation(kKey), 64),
       XM_ROW_ENDS(DROP, drop_bad_mac1)},
      {"the last byte before mac1", with_flipped_bit(initiation(kKey), 115),
       XM_ROW_ENDS(DROP, drop_bad_mac1)},
      {"a wrong mac1 and a dead agent: its successor may have another key",
       with_flipped_bit(initiation(kKey), 116), XM_ROW_ENDS(PASS, pass_handshake_unchecked),
       [](SteerWorld& world) { world.agent_beat = Beat::old; }},
      {"the first byte of mac1", with_flipped_bit(initiation(kKey), 116),
       XM_ROW_ENDS(DROP, drop_bad_mac1)},
      {"the last byte of mac1", with_flipped_bit(initiation(kKey), 131),
       XM_ROW_ENDS(DROP, drop_bad_mac1)},
      {"mac2 is not the driver's to judge", with_flipped_bit(initiation(kKey), 132),
       XM_ROW_ENDS(PASS, pass_handshake)},
      {"the last byte of a response's mac1", with_flipped_bit(response(kKey), 75),
       XM_ROW_ENDS(DROP, drop_bad_mac1)},
      {"a response's mac2", with_flipped_bit(response(kKey), 76),
       XM_ROW_ENDS(PASS, pass_handshake)},
      {"padding behind it", build_frame([] {
         FrameSpec spec = datagram4(response(kKey));
         spec.padding = 3;
         return spec;
       }()),
       XM_ROW_ENDS(PASS, pass_handshake)},
      {"behind two tags", build_frame([] {
         FrameSpec spec = datagram6(initiation(kKey));
         spec.tags = {{0x88a8, 1}, {0x8100, 2}};
         return spec;
       }()),
       XM_ROW_ENDS(PASS, pass_handshake)},
      {"bad, behind two tags", build_frame([] {
         FrameSpec spec = datagram6(initiation(kForeignKey));
         spec.tags = {{0x88a8, 1}, {0x8100, 2}};
         return spec;
       }()),
       XM_ROW_ENDS(DROP, drop_bad_mac1)},
      {"in transit, whatever its mac1", build_frame([] {
         FrameSpec spec = datagram4(initiation(kForeignKey));
         spec.packet.destination = "203.0.113.1";
         return spec;
       }()),
       XM_ROW_ENDS(PASS, pass_foreign_address)},
      {"neither socket nor heartbeat matter", message4(initiation(kForeignKey)),
       XM_ROW_ENDS(DROP, drop_bad_mac1),
       [](SteerWorld& world) {
         world.socket = false;
         world.beat = Beat::never;
         world.redirect = false;
       }},
  });
}

TEST_CASE("XDP program: a handshake message is tried with its port's keys, up to four") {
  check_rows({
      {"the first of two", message4(initiation(kKey)), XM_ROW_ENDS(PASS, pass_handshake), two_keys},
      {"the second of two", message4(response(kSecondKey)), XM_ROW_ENDS(PASS, pass_handshake),
       two_keys},
      {"the other port's key on ours", message4(initiation(kForeignKey)),
       XM_ROW_ENDS(DROP, drop_bad_mac1), two_keys},
      {"the other port's key on its own", to_port(4500, initiation(kForeignKey)),
       XM_ROW_ENDS(PASS, pass_handshake), two_keys},
      {"our port's key on the other", to_port(4500, initiation(kKey)),
       XM_ROW_ENDS(DROP, drop_bad_mac1), two_keys},
      {"the last of four", message4(initiation(kSecondKey)), XM_ROW_ENDS(PASS, pass_handshake),
       four_keys},
      {"none of four", message4(initiation(kKey)), XM_ROW_ENDS(DROP, drop_bad_mac1), four_keys},
      {"with five none is tried", message4(initiation(kForeignKey)),
       XM_ROW_ENDS(PASS, pass_handshake_unchecked), five_keys},
      {"a port without a key", message4(initiation(kKey)),
       XM_ROW_ENDS(PASS, pass_handshake_unchecked),
       [](SteerWorld& world) {
         world.mac1_keys = {{kKey, 4500}};
       }},
      {"no key at all", message4(response(kKey)), XM_ROW_ENDS(PASS, pass_handshake_unchecked),
       [](SteerWorld& world) { world.mac1_keys = {}; }},
      {"the check is off", message4(initiation(kForeignKey)),
       XM_ROW_ENDS(PASS, pass_handshake_unchecked),
       [](SteerWorld& world) { world.check_mac1 = false; }},
  });
}

}  // namespace xm::test
