#include "agent/ctl/readiness.hpp"

#include <doctest/doctest.h>

namespace xm {
namespace {

StatusView ready_status() {
  StatusView view;
  view.tun.name = "wg0";
  view.tun.up = true;
  view.listen_port = 51820;
  view.udp.listener_sockets = 1;
  view.interfaces.emplace_back().name = "eth0";
  return view;
}

}  // namespace

TEST_CASE("readiness: device, sockets and attached interfaces decide, peers do not") {
  StatusView view = ready_status();
  view.peers.emplace_back();
  CHECK(readiness_fault(view).empty());
  view.tun.up = false;
  CHECK(readiness_fault(view) == "the tunnel device wg0 is down");
  view = ready_status();
  view.udp.listener_sockets = 0;
  CHECK(readiness_fault(view) == "no UDP socket is open on port 51820");
}

TEST_CASE("readiness: an attached interface counts as long as packets come from it") {
  for (const auto state : {InterfaceState::up, InterfaceState::socket}) {
    StatusView view = ready_status();
    view.interfaces[0].state = state;
    CHECK(readiness_fault(view).empty());
  }
  for (const auto state : {InterfaceState::down, InterfaceState::gone}) {
    StatusView view = ready_status();
    view.interfaces[0].state = state;
    CHECK(readiness_fault(view).starts_with("the attached interface eth0 "));
  }
}

}  // namespace xm
