// The XDP program on Ethernet, IP and UDP headers: what is not certainly ours is the kernel's.
#include "tests/bpf/rows.hpp"

namespace xm::test {
namespace {

using Tags = std::vector<std::pair<std::uint16_t, std::uint16_t>>;

Change tagged(const Tags& tags, std::uint16_t type = 0) {
  return [=](FrameSpec& spec) {
    spec.tags = tags;
    spec.type = type;
  };
}
Change to_mac(const std::array<std::uint8_t, 6>& mac) {
  return [=](FrameSpec& spec) { spec.to = mac; };
}
Change to_address(const std::string& address) {
  return [=](FrameSpec& spec) { spec.packet.destination = address; };
}
Change to_port(std::uint16_t port) {
  return [=](FrameSpec& spec) { spec.packet.destination_port = port; };
}
Change padded(std::size_t bytes) {
  return [=](FrameSpec& spec) { spec.padding = bytes; };
}
// IPv6 with this extension header of eight bytes in front of UDP.
Change extended(std::uint8_t header) {
  return [=](FrameSpec& spec) {
    spec.packet.next_header = header;
    spec.packet.extensions = {17, 0, 0, 0, 0, 0, 0, 0};
  };
}

// Where headers lie in a frame without tags.
constexpr std::size_t kIp = 14;
constexpr std::size_t kUdp4 = kIp + 20;
constexpr std::size_t kUdp6 = kIp + 40;

}  // namespace

TEST_CASE("XDP program: Ethernet, with tags and without") {
  check_rows({
      {"IPv4", data4(), XM_ROW_ENDS(REDIRECT, redirect)},
      {"IPv6", data6(), XM_ROW_ENDS(REDIRECT, redirect)},
      {"ARP", data4(tagged({}, 0x0806)), XM_ROW_ENDS(PASS, pass_not_ip)},
      {"a type that nobody knows", data4(tagged({}, 0x88b5)), XM_ROW_ENDS(PASS, pass_not_ip)},
      {"a length in place of the type", data4(tagged({}, 46)), XM_ROW_ENDS(PASS, pass_not_ip)},
      {"nothing behind Ethernet", cut(data4(), 14), XM_ROW_ENDS(PASS, pass_truncated)},
      {"802.1Q, IPv4", data4(tagged({{0x8100, 7}})), XM_ROW_ENDS(REDIRECT, redirect)},
      {"802.1Q with a priority, IPv6", data6(tagged({{0x8100, 0xe007}})),
       XM_ROW_ENDS(REDIRECT, redirect)},
      {"802.1ad alone", data4(tagged({{0x88a8, 7}})), XM_ROW_ENDS(REDIRECT, redirect)},
      {"QinQ, IPv4", data4(tagged({{0x88a8, 7}, {0x8100, 8}})), XM_ROW_ENDS(REDIRECT, redirect)},
      {"QinQ, IPv6", data6(tagged({{0x88a8, 7}, {0x8100, 8}})), XM_ROW_ENDS(REDIRECT, redirect)},
      {"802.1Q twice", data4(tagged({{0x8100, 7}, {0x8100, 8}})), XM_ROW_ENDS(REDIRECT, redirect)},
      {"three tags", data4(tagged({{0x88a8, 7}, {0x8100, 8}, {0x8100, 9}})),
       XM_ROW_ENDS(PASS, pass_not_ip)},
      {"the old type 0x9100", data4(tagged({{0x9100, 7}})), XM_ROW_ENDS(PASS, pass_not_ip)},
      {"ARP behind a tag", data4(tagged({{0x8100, 7}}, 0x0806)), XM_ROW_ENDS(PASS, pass_not_ip)},
      {"half a tag", cut(data4(tagged({{0x8100, 7}})), 16), XM_ROW_ENDS(PASS, pass_truncated)},
      {"half a second tag", cut(data4(tagged({{0x8100, 7}, {0x8100, 8}})), 20),
       XM_ROW_ENDS(PASS, pass_truncated)},
      {"a whole tag and nothing behind it", cut(data4(tagged({{0x8100, 7}})), 18),
       XM_ROW_ENDS(PASS, pass_truncated)},
      {"broadcast", data4(to_mac({0xff, 0xff, 0xff, 0xff, 0xff, 0xff})),
       XM_ROW_ENDS(PASS, pass_foreign_mac)},
      {"another MAC, its last byte", data4(to_mac({0x02, 0x00, 0x5e, 0x10, 0x20, 0x31})),
       XM_ROW_ENDS(PASS, pass_foreign_mac)},
      {"another MAC, its first byte", data6(to_mac({0x06, 0x00, 0x5e, 0x10, 0x20, 0x30})),
       XM_ROW_ENDS(PASS, pass_foreign_mac)},
      {"another MAC, its middle", data6(to_mac({0x02, 0x00, 0x5f, 0x10, 0x20, 0x30})),
       XM_ROW_ENDS(PASS, pass_foreign_mac)},
      {"another MAC under a tag", data4([](FrameSpec& spec) {
         spec.tags = {{0x8100, 7}};
         spec.to.fill(0);
       }),
       XM_ROW_ENDS(PASS, pass_foreign_mac)},
      {"the agent has configured nothing", data4(), XM_ROW_ENDS(PASS, pass_not_configured),
       [](SteerWorld& world) { world.configured = false; }},
  });
}

TEST_CASE("XDP program: IPv4") {
  check_rows({
      {"options", data4([](FrameSpec& spec) {
         spec.packet.ip_options = {1, 1, 1, 1};
       }),
       XM_ROW_ENDS(PASS, pass_ip_options)},
      {"a header of four words", with_byte(data4(), kIp, 0x44), XM_ROW_ENDS(PASS, pass_ip_options)},
      {"version 6 where the type says IPv4", with_byte(data4(), kIp, 0x65),
       XM_ROW_ENDS(PASS, pass_ip_options)},
      {"the first fragment", data4([](FrameSpec& spec) { spec.packet.fragment = 0x2000; }),
       XM_ROW_ENDS(PASS, pass_fragment)},
      {"a later fragment", data4([](FrameSpec& spec) { spec.packet.fragment = 0x2010; }),
       XM_ROW_ENDS(PASS, pass_fragment)},
      {"the last fragment", data4([](FrameSpec& spec) { spec.packet.fragment = 0x0001; }),
       XM_ROW_ENDS(PASS, pass_fragment)},
      {"may be fragmented, but is not", data4([](FrameSpec& spec) { spec.packet.fragment = 0; }),
       XM_ROW_ENDS(REDIRECT, redirect)},
      {"TCP to our port", data4([](FrameSpec& spec) { spec.packet.protocol = 6; }),
       XM_ROW_ENDS(PASS, pass_not_udp)},
      {"ICMP", data4([](FrameSpec& spec) { spec.packet.protocol = 1; }),
       XM_ROW_ENDS(PASS, pass_not_udp)},
      {"half a header", cut(data4(), kIp + 19), XM_ROW_ENDS(PASS, pass_truncated)},
      {"ECN and a type of service",
       data4([](FrameSpec& spec) { spec.packet.traffic_class = 0xbb; }),
       XM_ROW_ENDS(REDIRECT, redirect)},
      {"Ethernet's padding behind a keepalive", build_frame([] {
         FrameSpec spec = datagram4(data_message(kNew, 7, 32));
         spec.padding = 6;
         return spec;
       }()),
       XM_ROW_ENDS(REDIRECT, redirect)},
      {"more padding than Ethernet needs", data4(padded(100)), XM_ROW_ENDS(REDIRECT, redirect)},
      {"half a UDP header", cut(data4(), kUdp4 + 7), XM_ROW_ENDS(PASS, pass_truncated)},
      {"the last byte is missing", cut(data4(), kUdp4 + 8 + 127),
       XM_ROW_ENDS(PASS, pass_truncated)},
      {"IP says one byte more", with_word(data4(), kIp + 2, 20 + 8 + 129),
       XM_ROW_ENDS(PASS, pass_length_mismatch)},
      {"IP says less than its own header", with_word(data4(), kIp + 2, 10),
       XM_ROW_ENDS(PASS, pass_length_mismatch)},
      {"IP says zero", with_word(data4(), kIp + 2, 0), XM_ROW_ENDS(PASS, pass_length_mismatch)},
      {"UDP says one byte less", with_word(data4(), kUdp4 + 4, 8 + 127),
       XM_ROW_ENDS(PASS, pass_length_mismatch)},
      {"UDP says zero", with_word(data4(), kUdp4 + 4, 0), XM_ROW_ENDS(PASS, pass_length_mismatch)},
      {"both say less than a UDP header",
       with_word(with_word(data4(), kIp + 2, 20 + 7), kUdp4 + 4, 7),
       XM_ROW_ENDS(PASS, pass_length_mismatch)},
      {"both say more than there is",
       with_word(with_word(data4(), kIp + 2, 20 + 8 + 144), kUdp4 + 4, 8 + 144),
       XM_ROW_ENDS(PASS, pass_truncated)},
      {"both say the most", with_word(with_word(data4(), kIp + 2, 0xffff), kUdp4 + 4, 0xffff - 20),
       XM_ROW_ENDS(PASS, pass_truncated)},
  });
}

TEST_CASE("XDP program: IPv6") {
  check_rows({
      {"version 4 where the type says IPv6", with_byte(data6(), kIp, 0x45),
       XM_ROW_ENDS(PASS, pass_not_ip)},
      {"half a header", cut(data6(), kIp + 39), XM_ROW_ENDS(PASS, pass_truncated)},
      {"hop-by-hop options", data6(extended(0)), XM_ROW_ENDS(PASS, pass_not_udp)},
      {"destination options", data6(extended(60)), XM_ROW_ENDS(PASS, pass_not_udp)},
      {"a routing header", data6(extended(43)), XM_ROW_ENDS(PASS, pass_not_udp)},
      {"a fragment header", data6(extended(44)), XM_ROW_ENDS(PASS, pass_fragment)},
      {"TCP", data6([](FrameSpec& spec) { spec.packet.protocol = 6; }),
       XM_ROW_ENDS(PASS, pass_not_udp)},
      {"a flow label and a traffic class", data6([](FrameSpec& spec) {
         spec.packet.traffic_class = 0xff;
         spec.packet.flow_label = 0xfffff;
       }),
       XM_ROW_ENDS(REDIRECT, redirect)},
      {"a jumbogram's length", with_word(data6(), kIp + 4, 0),
       XM_ROW_ENDS(PASS, pass_length_mismatch)},
      {"both lengths zero", with_word(with_word(data6(), kIp + 4, 0), kUdp6 + 4, 0),
       XM_ROW_ENDS(PASS, pass_length_mismatch)},
      {"UDP says one byte more", with_word(data6(), kUdp6 + 4, 8 + 129),
       XM_ROW_ENDS(PASS, pass_length_mismatch)},
      {"half a UDP header", cut(data6(), kUdp6 + 4), XM_ROW_ENDS(PASS, pass_truncated)},
      {"the last byte is missing", cut(data6(), kUdp6 + 8 + 127),
       XM_ROW_ENDS(PASS, pass_truncated)},
      {"padding behind it", data6(padded(9)), XM_ROW_ENDS(REDIRECT, redirect)},
  });
}

TEST_CASE("XDP program: other ports and addresses are not ours") {
  const auto four_ports = [](SteerWorld& world) { world.ports = {51820, 1, 65535, 4500}; };
  check_rows({
      {"the port beside ours", data4(to_port(51821)), XM_ROW_ENDS(PASS, pass_foreign_port)},
      {"port 0, which fills the unused places", data4(to_port(0)),
       XM_ROW_ENDS(PASS, pass_foreign_port)},
      {"our port with its bytes swapped", data4(to_port(0x6cca)),
       XM_ROW_ENDS(PASS, pass_foreign_port)},
      {"from our port, to another", data4([](FrameSpec& spec) {
         spec.packet.source_port = 51820;
         spec.packet.destination_port = 53;
       }),
       XM_ROW_ENDS(PASS, pass_foreign_port)},
      {"the second of four ports", data4(to_port(1)), XM_ROW_ENDS(REDIRECT, redirect), four_ports},
      {"the third of four ports", data6(to_port(65535)), XM_ROW_ENDS(REDIRECT, redirect),
       four_ports},
      {"the last of four ports", data4(to_port(4500)), XM_ROW_ENDS(REDIRECT, redirect), four_ports},
      {"no port at all", data4(), XM_ROW_ENDS(PASS, pass_foreign_port),
       [](SteerWorld& world) { world.ports = {}; }},
      {"IPv4 in transit, to our port", data4(to_address("192.0.2.2")),
       XM_ROW_ENDS(PASS, pass_foreign_address)},
      {"IPv6 in transit, to our port", data6(to_address("2001:db8::2")),
       XM_ROW_ENDS(PASS, pass_foreign_address)},
      {"IPv4 broadcast", data4(to_address("255.255.255.255")),
       XM_ROW_ENDS(PASS, pass_foreign_address)},
      {"IPv6 multicast", data6(to_address("ff02::1")), XM_ROW_ENDS(PASS, pass_foreign_address)},
      {"our IPv4 address, mapped into an IPv6 header", data6(to_address("::ffff:192.0.2.1")),
       XM_ROW_ENDS(PASS, pass_foreign_address)},
      {"our IPv4 address as IPv6's last bytes", data6(to_address("::192.0.2.1")),
       XM_ROW_ENDS(PASS, pass_foreign_address)},
      {"a second address", data4(to_address("192.0.2.9")), XM_ROW_ENDS(REDIRECT, redirect),
       [](SteerWorld& world) { world.addresses.emplace_back("192.0.2.9"); }},
      {"an address that has been taken away", data4(), XM_ROW_ENDS(PASS, pass_foreign_address),
       [](SteerWorld& world) { world.addresses = {"2001:db8::1"}; }},
  });
}

}  // namespace xm::test
