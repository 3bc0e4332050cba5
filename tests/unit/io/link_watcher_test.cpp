// On the kernel's own TUN devices, inside namespaces of the test's.
#include "agent/io/link_watcher.hpp"

#include <doctest/doctest.h>
#include <net/if.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <string>

#include "agent/io/tun_device.hpp"
#include "tests/support/skip.hpp"
#include "tests/unit/io/own_namespace.hpp"

using namespace xm;

namespace {

// Changes `name` in the calling thread's namespace: `put` appends attributes to a request.
template <typename Put>
bool change_link(std::uint16_t type, const std::string& name, const Put& put) {
  auto socket = RouteSocket::open(0);
  alignas(nlmsghdr) std::array<char, 256> buffer{};
  nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = type;
  auto* link = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg)));
  link->ifi_index = static_cast<int>(if_nametoindex(name.c_str()));
  put(message);
  return socket.ok() && socket->request(*message, "change").ok();
}

bool rename_link(const std::string& from, const std::string& to) {
  return change_link(RTM_SETLINK, from,
                     [&](nlmsghdr* m) { mnl_attr_put_strz(m, IFLA_IFNAME, to.c_str()); });
}
bool move_link(const std::string& name, int namespace_fd) {
  return change_link(RTM_SETLINK, name, [&](nlmsghdr* m) {
    mnl_attr_put_u32(m, IFLA_NET_NS_FD, static_cast<std::uint32_t>(namespace_fd));
  });
}
bool delete_link(const std::string& name) {
  return change_link(RTM_DELLINK, name, [](nlmsghdr*) {});
}

// Everything that changes until `enough` holds, at most two seconds.
template <typename Enough>
LinkChanges changes_until(LinkWatcher& watcher, const Enough& enough) {
  LinkChanges all;
  for (int look = 0; look < 20 && !enough(watcher.state()); ++look) {
    pollfd readable{watcher.fd(), POLLIN, 0};
    poll(&readable, 1, 100);
    const LinkChanges now = watcher.refresh();
    all.up_or_down |= now.up_or_down;
    all.mtu |= now.mtu;
    all.renamed |= now.renamed;
    all.moved |= now.moved;
    all.gone |= now.gone;
  }
  return all;
}

struct Watched {
  Result<TunDevice> device = TunDevice::open("xmt0", 1);
  std::unique_ptr<LinkWatcher> watcher;
  Watched() {
    REQUIRE_MESSAGE(device.ok(), device.error().what);
    auto opened = LinkWatcher::open(device->control_fd());
    REQUIRE_MESSAGE(opened.ok(), opened.error().what);
    watcher = std::move(*opened);
  }
};

}  // namespace

TEST_CASE("link watcher follows up, down, MTU, rename and delete") {
  XM_NEEDS_TUN();
  test::in_own_namespace([] {
    Watched watched;
    LinkWatcher& watcher = *watched.watcher;
    CHECK(watcher.state().name == "xmt0");
    CHECK_FALSE(watcher.state().up);
    CHECK(watcher.state().mtu == 1420);
    CHECK_FALSE(watcher.state().elsewhere);
    CHECK(watcher.interval() == Duration::max());
    CHECK_FALSE(watcher.refresh().any());

    REQUIRE(test::set_up("xmt0", true));
    CHECK(changes_until(watcher, [](const LinkState& s) { return s.up; }).up_or_down);
    REQUIRE(test::set_interface_mtu("xmt0", 1280));
    CHECK(changes_until(watcher, [](const LinkState& s) { return s.mtu == 1280; }).mtu);
    REQUIRE(test::set_up("xmt0", false));
    CHECK(changes_until(watcher, [](const LinkState& s) { return !s.up; }).up_or_down);
    REQUIRE(rename_link("xmt0", "xmt1"));
    CHECK(changes_until(watcher, [](const LinkState& s) { return s.name == "xmt1"; }).renamed);
    REQUIRE(delete_link("xmt1"));
    CHECK(changes_until(watcher, [](const LinkState& s) { return s.gone; }).gone);
    CHECK_FALSE(watcher.refresh().any());
  });
}

TEST_CASE("link watcher passes over other links") {
  XM_NEEDS_TUN();
  test::in_own_namespace([] {
    Watched watched;
    auto other = TunDevice::open("xmt9", 1);
    REQUIRE(other.ok());
    REQUIRE(test::set_up("xmt9", true));
    CHECK_FALSE(watched.watcher->refresh().any());
  });
}

TEST_CASE("link watcher follows the device into another namespace and back") {
  XM_NEEDS_TUN();
  test::in_own_namespace([] {
    const Fd home = test::current_namespace();
    Watched watched;
    LinkWatcher& watcher = *watched.watcher;
    Fd other;
    test::in_own_namespace([&] { other = test::current_namespace(); });
    REQUIRE(other);

    REQUIRE(move_link("xmt0", other.get()));
    const LinkChanges moved =
        changes_until(watcher, [](const LinkState& s) { return s.elsewhere; });
    CHECK(moved.moved);
    CHECK_FALSE(moved.gone);
    CHECK(watcher.state().mtu == 1420);
    CHECK(watcher.interval() == Duration::max());

    test::in_namespace(other.get(), [] { CHECK(test::set_up("xmt0", true)); });
    CHECK(changes_until(watcher, [](const LinkState& s) { return s.up; }).up_or_down);
    test::in_namespace(other.get(), [] { CHECK(test::set_interface_mtu("xmt0", 1300)); });
    CHECK(changes_until(watcher, [](const LinkState& s) { return s.mtu == 1300; }).mtu);

    test::in_namespace(other.get(), [&] { CHECK(move_link("xmt0", home.get())); });
    CHECK(changes_until(watcher, [](const LinkState& s) { return !s.elsewhere; }).moved);

    REQUIRE(move_link("xmt0", other.get()));
    changes_until(watcher, [](const LinkState& s) { return s.elsewhere; });
    test::in_namespace(other.get(), [] { CHECK(delete_link("xmt0")); });
    CHECK(changes_until(watcher, [](const LinkState& s) { return s.gone; }).gone);
  });
}

TEST_CASE("link watcher of a descriptor that was made in another namespace gives that a number") {
  XM_NEEDS_TUN();
  test::in_own_namespace([] {
    auto device = TunDevice::open("xmt0", 1);
    REQUIRE(device.ok());
    const Fd its = test::current_namespace();
    test::in_own_namespace([&] {
      auto opened = LinkWatcher::open(device->control_fd());
      REQUIRE(opened.ok());
      LinkWatcher& watcher = **opened;
      CHECK(watcher.state().elsewhere);
      CHECK(watcher.state().mtu == 1420);
      test::in_namespace(its.get(), [] { CHECK(test::set_up("xmt0", true)); });
      CHECK(changes_until(watcher, [](const LinkState& s) { return s.up; }).up_or_down);
    });
  });
}
