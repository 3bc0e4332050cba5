#include "agent/node_mesh_endpoints.hpp"

#include <algorithm>

#include "agent/io/local_addresses.hpp"
#include "xdpmesh/log.hpp"

namespace xm {
namespace {

constexpr std::array<IpAddress::Family, 2> kFamilies{IpAddress::Family::v4, IpAddress::Family::v6};

}  // namespace

void MeshEndpoints::network_changed(std::uint16_t port, Instant now) {
  const auto found = local_addresses(interface_);
  if (!found) {
    log::error("mesh: " + found.error().what);
    return;
  }
  std::vector<IpAddress> addresses;
  on_link_.clear();
  for (const LocalAddress& local : found.value()) {
    addresses.push_back(local.address);
    on_link_.push_back(local.network);
  }
  stun_.set_local(addresses);
  candidates_.set_local(std::move(addresses), port);
  stun_.network_changed(now);
  take_news();
}

void MeshEndpoints::set_servers(const std::vector<Endpoint>& servers, Instant now) {
  stun_.set_servers(servers, now);
  take_news();
}

void MeshEndpoints::set_inside(std::vector<Prefix> inside) {
  candidates_.set_inside(std::move(inside));
  make_list();
}

void MeshEndpoints::observe(const Identity& by, const Endpoint& address, Instant now) {
  auto number = numbers_.find(by);
  if (number == numbers_.end()) {
    number = numbers_.emplace(by, next_number_++).first;
  }
  candidates_.observe(number->second, address, now);
  make_list();
}

void MeshEndpoints::forget(const Identity& member) {
  const auto number = numbers_.find(member);
  if (number == numbers_.end()) return;
  candidates_.forget(number->second);
  numbers_.erase(number);
  make_list();
}

void MeshEndpoints::on_stun(Bytes datagram, const Endpoint& source, Instant now) {
  stun_.receive(datagram, source, now);
  take_news();
}

void MeshEndpoints::on_timers(Instant now) {
  stun_.on_timers(now);
  candidates_.on_timers(now);
  take_news();
}

Instant MeshEndpoints::next_deadline() const {
  return std::min(stun_.next_deadline(), candidates_.next_deadline());
}

void MeshEndpoints::take_news() {
  for (const StunClient::Action& action : stun_.take_actions()) {
    if (const auto* const send = std::get_if<StunClient::Send>(&action)) requests_.push_back(*send);
  }
  std::vector<Endpoint> mapped;
  for (const IpAddress::Family family : kFamilies) {
    if (stun_.mapping(family) == NatMapping::address_dependent) continue;
    mapped.insert(mapped.end(), stun_.mapped(family).begin(), stun_.mapped(family).end());
  }
  candidates_.set_mapped(std::move(mapped));
  make_list();
}

void MeshEndpoints::make_list() {
  std::vector<Endpoint> list;
  for (const Candidate& candidate : candidates_.list()) list.push_back(candidate.endpoint);
  if (list == list_) return;
  list_ = std::move(list);
  changed_ = true;
}

NatMapping MeshEndpoints::mapping(IpAddress::Family family) const {
  const NatMapping known = stun_.mapping(family);
  if (known != NatMapping::unknown) return known;
  // One server beyond the NAT suffices to know that there is one, not to know what it does.
  const bool sees_another = !stun_.mapped(family).empty();
  const auto translated = candidates_.is_translated(family);
  return !sees_another && translated == false ? NatMapping::none : NatMapping::unknown;
}

bool MeshEndpoints::is_translated(IpAddress::Family family) const {
  const NatMapping known = stun_.mapping(family);
  if (known != NatMapping::unknown) return known != NatMapping::none;
  return !stun_.mapped(family).empty() || candidates_.is_translated(family).value_or(false);
}

}  // namespace xm
