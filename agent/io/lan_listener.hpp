// Hears the hellos of nodes in the same local network: a multicast group of IPv4 and one of IPv6 on
// every network that this machine has, but loopback and our own tunnel. Only hears: hellos are sent
// from the mesh's own port, so that answers find it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/io/rtnetlink.hpp"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/bytes.hpp"
#include "xdpmesh/fd.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// Where hellos go. IPv4: of the organisation-local scope (RFC 2365); who sends does so with a TTL
// of
// 1. IPv6: link-local (RFC 4291, 2.7), transient.
inline constexpr std::uint16_t kLanPort = 51822;
[[nodiscard]] Endpoint lan_group_v4();                         // 239.192.120.109:51822
[[nodiscard]] Endpoint lan_group_v6(std::uint32_t interface);  // [ff12::786d%INTERFACE]:51822

// A network to send hellos to.
struct LanInterface {
  std::uint32_t index = 0;
  std::string name;
  bool v4 = false;  // which groups were joined there
  bool v6 = false;
  friend bool operator==(const LanInterface&, const LanInterface&) = default;
};

struct LanDatagram {
  Bytes payload;  // lent until the next receive()
  Endpoint source;
  std::uint32_t interface = 0;
};

// Thread: the control thread. Stays in the network namespace of the thread that opens it.
class LanListener {
 public:
  static constexpr std::size_t kMaxDatagram = 1500;

  // `own_interface`: the tunnel's name, on which nothing is joined. An error when the machine has
  // neither family, or another program holds the port for itself.
  [[nodiscard]] static Result<std::unique_ptr<LanListener>> open(std::string own_interface);

  // To poll for reading, and readable as long as something waits; then call refresh(), and
  // receive() for as many as there is time for: strangers may send without end.
  [[nodiscard]] int fd() const { return readable_.get(); }

  // Follows what has happened to the interfaces; true when the list below is another.
  bool refresh();
  [[nodiscard]] const std::vector<LanInterface>& interfaces() const { return interfaces_; }
  // Also the datagrams that this machine sent: the sender knows its own by what is in them.
  [[nodiscard]] std::optional<LanDatagram> receive();

  // Why a network is left out; empty: none is.
  [[nodiscard]] const std::string& fault() const { return fault_; }

 private:
  LanListener(std::string own_interface, RouteSocket events, RouteSocket requests)
      : own_interface_(std::move(own_interface)),
        events_(std::move(events)),
        requests_(std::move(requests)) {}

  void look_at_interfaces();
  [[nodiscard]] std::vector<LanInterface> list_interfaces();
  bool join(const Fd& socket, const LanInterface& interface);
  void leave(const LanInterface& interface);
  [[nodiscard]] std::optional<LanDatagram> receive_from(const Fd& socket);

  std::string own_interface_;
  RouteSocket events_;
  RouteSocket requests_;
  Fd v4_;
  Fd v6_;
  Fd readable_;  // an epoll over the three
  std::vector<LanInterface> interfaces_;
  std::string fault_;
  std::vector<std::uint8_t> buffer_ = std::vector<std::uint8_t>(kMaxDatagram + 1);
};

}  // namespace xm
