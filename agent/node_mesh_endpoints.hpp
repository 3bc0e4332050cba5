// Where this node may be reached: its own addresses, what STUN servers and members see of it, and
// whether a NAT stands between.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/mesh/identity.hpp"
#include "agent/nat/candidates.hpp"
#include "agent/nat/stun_client.hpp"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/clock.hpp"

namespace xm {

// Thread: the control thread.
class MeshEndpoints {
 public:
  // `interface` is the tunnel's own, which is no way to reach us. `random` outlives it.
  MeshEndpoints(std::string interface, Random& random)
      : interface_(std::move(interface)), stun_(random) {}

  // --- inputs ---

  // The port is open, or another one is; the network around has changed.
  void network_changed(std::uint16_t port, Instant now);
  void set_servers(const std::vector<Endpoint>& servers, Instant now);
  void set_inside(std::vector<Prefix> inside);
  // A member saw us there.
  void observe(const Identity& by, const Endpoint& address, Instant now);
  void forget(const Identity& member);
  void on_stun(Bytes datagram, const Endpoint& source, Instant now);
  void send_failed(const Endpoint& to, int error, Instant now) {
    stun_.send_failed(to, error, now);
    take_news();
  }
  void on_timers(Instant now);
  [[nodiscard]] Instant next_deadline() const;

  // --- outputs ---

  // Requests to be sent from the port.
  [[nodiscard]] std::vector<StunClient::Send> take_requests() {
    return std::exchange(requests_, {});
  }
  // True once after list() has got another answer.
  [[nodiscard]] bool take_changed() { return std::exchange(changed_, false); }
  // For the record, the best first.
  [[nodiscard]] const std::vector<Endpoint>& list() const { return list_; }
  // A NAT keeps a mapping for us, which silence would end: by a server's word, or two members'.
  [[nodiscard]] bool is_translated(IpAddress::Family family) const;
  // As far as servers know, else as members say; unknown: nobody has said.
  [[nodiscard]] NatMapping mapping(IpAddress::Family family) const;
  [[nodiscard]] const StunClient& stun() const { return stun_; }
  // The networks that this machine is in.
  [[nodiscard]] const std::vector<Prefix>& on_link() const { return on_link_; }

 private:
  void take_news();
  void make_list();

  const std::string interface_;
  StunClient stun_;
  Candidates candidates_;
  std::vector<Prefix> on_link_;
  std::map<Identity, MemberNumber> numbers_;  // of those who have observed
  MemberNumber next_number_ = 0;
  std::vector<StunClient::Send> requests_;
  std::vector<Endpoint> list_;
  bool changed_ = false;
};

}  // namespace xm
