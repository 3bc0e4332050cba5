// On interfaces in namespaces of the test's.
#include "loader/interface_facts.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "loader/capabilities.hpp"
#include "loader/netdev_family.hpp"
#include "tests/unit/loader/lab.hpp"

using namespace xm;
using test::in_lab;
using test::LoaderLab;

namespace {

bool add_address(const std::string& interface, const std::string& label, const char* address) {
  auto socket = RouteSocket::open(0);
  alignas(nlmsghdr) std::array<char, 256> buffer{};
  nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = RTM_NEWADDR;
  message->nlmsg_flags = NLM_F_CREATE;
  auto* header = static_cast<ifaddrmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ifaddrmsg)));
  const auto parsed = IpAddress::parse(address);
  header->ifa_family = parsed->is_v4() ? AF_INET : AF_INET6;
  header->ifa_prefixlen = static_cast<std::uint8_t>(parsed->bits());
  header->ifa_index = if_nametoindex(interface.c_str());
  mnl_attr_put(message, IFA_LOCAL, parsed->bytes().size(), parsed->bytes().data());
  mnl_attr_put(message, IFA_ADDRESS, parsed->bytes().size(), parsed->bytes().data());
  if (!label.empty()) mnl_attr_put_strz(message, IFA_LABEL, label.c_str());
  return socket.ok() && socket->request(*message, "add an address").ok();
}

}  // namespace

TEST_CASE("a link-local address that another interface has too is nobody's") {
  XM_NEEDS_LAB();
  in_lab([](LoaderLab& lab) {
    REQUIRE(add_address("xmv0", "", "fe80::1"));
    REQUIRE(add_address("xmv0", "", "fe80::2"));
    REQUIRE(add_address("xmv1", "", "fe80::1"));
    REQUIRE(add_address("xmv0", "", "2001:db8::1"));
    REQUIRE(add_address("xmv1", "", "2001:db8::1"));
    const auto facts = interface_facts("xmv0", lab.places);
    REQUIRE(facts.ok());
    const auto has = [&](const char* text) {
      return std::ranges::find(facts.value().addresses, *IpAddress::parse(text)) !=
             facts.value().addresses.end();
    };
    CHECK_FALSE(has("fe80::1"));
    CHECK(has("fe80::2"));
    CHECK(has("2001:db8::1"));
  });
}

TEST_CASE("the facts of a veth: driver, queues, MTU, addresses of all labels, no program") {
  XM_NEEDS_NAMESPACES();
  in_lab([](LoaderLab&) {
    REQUIRE(add_address("xmv0", "", "192.0.2.1"));
    REQUIRE(add_address("xmv0", "xmv0:1", "192.0.2.2"));
    REQUIRE(add_address("xmv0", "", "2001:db8::1"));
    REQUIRE(add_address("xmv1", "", "192.0.2.3"));
    const auto facts = interface_facts("xmv0");
    REQUIRE(facts.ok());
    CHECK(facts.value().name == "xmv0");
    CHECK(facts.value().index == if_nametoindex("xmv0"));
    CHECK(facts.value().up);
    CHECK_FALSE(facts.value().loopback);
    CHECK(facts.value().driver == "veth");
    CHECK(facts.value().mtu == 1500);
    CHECK(facts.value().mac != std::array<std::uint8_t, 6>{});
    CHECK(facts.value().receive_queues >= 1);
    REQUIRE(facts.value().channels.has_value());
    CHECK(facts.value().most_channels.has_value());
    CHECK(facts.value().programs.empty());
    const auto has = [&](const char* text) {
      return std::ranges::find(facts.value().addresses, *IpAddress::parse(text)) !=
             facts.value().addresses.end();
    };
    CHECK(has("192.0.2.1"));
    CHECK(has("192.0.2.2"));
    CHECK(has("2001:db8::1"));
    CHECK_FALSE(has("192.0.2.3"));
  });
}

TEST_CASE("the addresses of the VLAN devices on an interface are among its own") {
  XM_NEEDS_NAMESPACES();
  in_lab([](LoaderLab&) {
    const auto make_vlan = [](const std::string& name, const char* below, std::uint16_t tag) {
      return test::make_link(
          name, "vlan", [&](nlmsghdr* message) { mnl_attr_put_u16(message, IFLA_VLAN_ID, tag); },
          if_nametoindex(below));
    };
    if (!make_vlan("xmv0.5", "xmv0", 5)) XM_SKIP("this kernel has no VLAN devices");
    REQUIRE(make_vlan("inner", "xmv0.5", 6));
    REQUIRE(make_vlan("other", "xmv1", 5));
    REQUIRE(add_address("xmv0.5", "", "192.0.2.1"));
    REQUIRE(add_address("inner", "", "192.0.2.2"));
    REQUIRE(add_address("other", "", "192.0.2.3"));
    const auto facts = interface_facts("xmv0");
    REQUIRE(facts.ok());
    const auto has = [&](const char* text) {
      return std::ranges::find(facts.value().addresses, *IpAddress::parse(text)) !=
             facts.value().addresses.end();
    };
    CHECK(has("192.0.2.1"));
    CHECK(has("192.0.2.2"));
    CHECK_FALSE(has("192.0.2.3"));
  });
}

TEST_CASE("what the kernel says of XDP: a veth has it, loopback has not") {
  XM_NEEDS_NAMESPACES();
  in_lab([](LoaderLab&) {
    const auto veth = interface_facts("xmv0");
    const auto loopback = interface_facts("lo");
    REQUIRE(veth.ok());
    REQUIRE(loopback.ok());
    CHECK(loopback.value().loopback);
    CHECK(loopback.value().mac == std::array<std::uint8_t, 6>{});
    // Absent before Linux 6.3.
    if (!veth.value().features) return;
    CHECK(veth.value().features->basic);
    CHECK(veth.value().features->redirect);
    CHECK_FALSE(veth.value().features->zero_copy);
    REQUIRE(loopback.value().features.has_value());
    CHECK_FALSE(loopback.value().features->basic);
    CHECK_FALSE(xdp_feature_bits(0x7fffffff).has_value());
  });
}

TEST_CASE("an interface that is attached shows the program, and goes down") {
  XM_NEEDS_LAB();
  in_lab([](LoaderLab& lab) {
    auto shared = SharedMaps::create(16);
    REQUIRE(shared.ok());
    AttachReport report;
    auto attachment = Attachment::attach(*shared, lab.options("xmv0"), report);
    REQUIRE(attachment.ok());
    REQUIRE(test::set_up("xmv0", false));
    const auto facts = interface_facts("xmv0", lab.places);
    REQUIRE(facts.ok());
    CHECK_FALSE(facts.value().up);
    REQUIRE(facts.value().programs.size() == 1);
    CHECK(facts.value().programs[0].is_ours());
    CHECK(facts.value().programs[0].id == report.program_id);
    CHECK(facts.value().programs[0].tag == report.program_tag);
    CHECK(facts.value().programs[0].mode == AttachMode::native);
    CHECK(facts.value().owner == std::to_string(getpid()));
    CHECK(attachment->detach().ok());
    const auto after = interface_facts("xmv0", lab.places);
    REQUIRE(after.ok());
    CHECK(after.value().owner.empty());
    CHECK(after.value().programs.empty());
  });
}

TEST_CASE("no facts of an interface that is not there") {
  const auto facts = interface_facts("xm-nowhere");
  REQUIRE_FALSE(facts.ok());
  CHECK(facts.error().os_errno == ENODEV);
}

TEST_CASE("capabilities are the bits of their numbers") {
  const Capabilities some(1ULL << CAP_NET_ADMIN | 1ULL << CAP_BPF);
  CHECK(some.has(CAP_NET_ADMIN));
  CHECK(some.has(CAP_BPF));
  CHECK_FALSE(some.has(CAP_SYS_ADMIN));
  CHECK(Capabilities::effective().has(CAP_SYS_ADMIN) == loader_facts().system_admin);
  CHECK_FALSE(loader_facts().kernel.empty());
}

TEST_CASE("what the kernel's BTF is to the loader: it loads the program where the facts have it") {
  XM_NEEDS_LAB();
  in_lab([](LoaderLab& lab) {
    CHECK(loader_facts(lab.places).btf);
    CHECK(SharedMaps::create(16).ok());
    if (mount("none", "/sys/kernel/btf", "tmpfs", 0, nullptr) != 0) {
      XM_SKIP("/sys/kernel/btf cannot be hidden");
    }
    if (loader_facts(lab.places).btf) XM_SKIP("this kernel's BTF is in /boot as well");
    const auto maps = SharedMaps::create(16);
    REQUIRE_FALSE(maps.ok());
    CHECK(maps.error().what.find("no BTF of this kernel is found") != std::string::npos);
  });
}

TEST_CASE("without Ethernet headers, or without the driver's redirect, nothing comes by AF_XDP") {
  InterfaceFacts facts;
  facts.name = "eth0";
  facts.mac = {2, 0, 0, 0, 0, 1};
  CHECK(facts.has_ethernet());
  CHECK(redirect_obstacle(facts, AttachMode::native).empty());
  facts.features = XdpFeatures{.basic = true};
  CHECK(redirect_obstacle(facts, AttachMode::native) == "the driver of eth0 cannot redirect");
  CHECK(redirect_obstacle(facts, AttachMode::generic).empty());
  facts.mac = {};
  CHECK(redirect_obstacle(facts, AttachMode::generic).find("no Ethernet headers") !=
        std::string::npos);
  facts.loopback = true;  // its addresses are zero
  CHECK(facts.has_ethernet());
}

TEST_CASE("why packets are copied: generic mode, or what the driver says") {
  InterfaceFacts facts;
  facts.driver = "veth";
  CHECK(zero_copy_obstacle(facts, AttachMode::generic) == "generic mode copies");
  CHECK(zero_copy_obstacle(facts, AttachMode::native).empty());
  facts.features = XdpFeatures{.basic = true, .zero_copy = true};
  CHECK(zero_copy_obstacle(facts, AttachMode::native).empty());
  facts.features->zero_copy = false;
  CHECK(zero_copy_obstacle(facts, AttachMode::native) ==
        "the driver veth has no zero-copy (netdev features)");
}
