// What `xdp-mesh netcheck` found out about the network, for people and for programs. Pure.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "agent/nat/stun_client.hpp"
#include "xdpmesh/addr.hpp"

namespace xm {

// A STUN server as somebody named it, at one of its addresses.
struct NetcheckServer {
  std::string name;
  // Its `server` is not set where the name has no address; `failure` then says why.
  StunServerState state;
};

// What matters of one address family.
struct NetcheckFamily {
  // Why a datagram finds no way out of this machine; empty when it does.
  std::string route_fault;
  NatMapping mapping = NatMapping::unknown;
  std::vector<Endpoint> mapped;
};

// An address of this machine that others might use.
struct NetcheckLocal {
  std::string interface;
  IpAddress address;
};

struct NetcheckReport {
  std::array<NetcheckFamily, 2> families;  // IPv4, IPv6
  std::vector<NetcheckServer> servers;
  std::vector<NetcheckLocal> local;

  [[nodiscard]] NetcheckFamily& of(IpAddress::Family family) {
    return families[family == IpAddress::Family::v6 ? 1 : 0];
  }
  [[nodiscard]] const NetcheckFamily& of(IpAddress::Family family) const {
    return families[family == IpAddress::Family::v6 ? 1 : 0];
  }
};

enum class UdpVerdict : std::uint8_t {
  works,      // a server was heard, and saw our address
  refused,    // servers were heard, and told nothing
  blocked,    // there is a way out, and no server was heard
  no_route,   // there is no way out
  unchecked,  // there is a way out, and no server to ask
};
[[nodiscard]] UdpVerdict udp_verdict(const NetcheckReport& report, IpAddress::Family family);

// Whether UDP works in a family: the mesh can.
[[nodiscard]] bool network_serves(const NetcheckReport& report);

// What is missing, and what to do about it: a sentence each, the gravest first.
[[nodiscard]] std::vector<std::string> netcheck_advice(const NetcheckReport& report);

// "  label: value" a line.
[[nodiscard]] std::string netcheck_text(const NetcheckReport& report);
// {"schema_version":1,"netcheck":{...}} in one line without its end.
[[nodiscard]] std::string netcheck_json(const NetcheckReport& report);

}  // namespace xm
