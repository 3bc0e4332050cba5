// Echo requests (RFC 792, RFC 4443): the messages, and a socket that waits for the answer. A "ping
// socket" where the user may have one (net.ipv4.ping_group_range), else a raw one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "xdpmesh/addr.hpp"
#include "xdpmesh/bytes.hpp"
#include "xdpmesh/clock.hpp"
#include "xdpmesh/fd.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// What a request carries so that its answer is known: a number of this run's, and how often it has
// asked.
struct EchoMark {
  std::uint64_t run = 0;
  std::uint16_t sequence = 0;
};

inline constexpr std::size_t kEchoPayload = 56;  // as ping(8)'s

// The ICMP message, with its checksum for IPv4 (the kernel makes that of IPv6).
[[nodiscard]] std::vector<std::uint8_t> echo_request(IpAddress::Family family,
                                                     const EchoMark& mark);

// Whether an ICMP message is the answer to that request.
[[nodiscard]] bool is_echo_reply(Bytes message, IpAddress::Family family, const EchoMark& mark);

// Pings one address. The face: tests have a fake.
class Echo {
 public:
  virtual ~Echo() = default;

  // Sends a request and waits: the round trip, or nothing when no answer came within `patience`.
  // An error when the request could not be sent.
  [[nodiscard]] virtual Result<std::optional<Duration>> ask(std::uint16_t sequence,
                                                            Duration patience) = 0;
};

// Thread: one.
class EchoSocket final : public Echo {
 public:
  // Requests leave by `interface` whatever the routes say. The error names what is missing.
  [[nodiscard]] static Result<std::unique_ptr<Echo>> open(const IpAddress& to,
                                                          const std::string& interface);

  [[nodiscard]] Result<std::optional<Duration>> ask(std::uint16_t sequence,
                                                    Duration patience) override;

 private:
  EchoSocket(Fd socket, IpAddress to, bool raw, std::uint64_t run)
      : socket_(std::move(socket)), to_(to), raw_(raw), run_(run) {}

  // Reads one message that waits; whether it is the answer.
  [[nodiscard]] bool read_reply(std::uint16_t sequence);

  Fd socket_;
  IpAddress to_;
  bool raw_;
  std::uint64_t run_;
};

}  // namespace xm
