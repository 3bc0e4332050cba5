// A mesh in which every field has a value of its own.
#pragma once

#include "agent/ctl/mesh_status.hpp"

namespace xm::test {

inline MemberStatus sample_member() {
  MemberStatus member;
  member.identity = "xm1" + std::string(58, 'b');
  member.public_key.fill(9);
  member.names = {"gate"};
  member.addresses = {*IpAddress::parse("100.64.7.7")};
  member.subnets = {*Prefix::parse("192.168.4.0/24")};
  member.state = "suspect";
  member.incarnation = 5;
  member.endpoint = *Endpoint::parse("192.0.2.1:51820");
  member.candidates = {member.endpoint, *Endpoint::parse("[2001:db8::1]:51820")};
  member.reach = Reach::silent;
  member.trust = "authorized key gate";
  member.refused = {"name printer"};
  member.heard_seconds = 1.25;
  member.clock_skew_seconds = -3;
  return member;
}

inline MeshStatus sample_mesh() {
  MeshStatus mesh;
  mesh.name = "home";
  mesh.identity = "xm1" + std::string(58, 'a');
  mesh.names = {"alpha"};
  mesh.addresses = {*IpAddress::parse("100.64.12.9"), *IpAddress::parse("fd00::9")};
  mesh.state = "joined";
  mesh.incarnation = 3;
  mesh.record_version = 12;
  mesh.record_expires = 1'700'000'000;
  mesh.certificate_expires = 1'710'000'000;
  mesh.endpoints = {*Endpoint::parse("203.0.113.7:51820")};
  mesh.nat_mapping = "endpoint-independent";
  mesh.nat_mapped = {*Endpoint::parse("203.0.113.7:61820")};
  mesh.clock_skew_seconds = 2;
  mesh.faults = {"orgs/acme: its checksum is wrong"};
  mesh.members.push_back(sample_member());
  mesh.seeds = {{"mesh.example:51820", "unresolved", "no such name"}};
  mesh.counters = {{"gossip_stale", 4}, {"swim_malformed", 1}};
  return mesh;
}

}  // namespace xm::test
