// One request to a Unix stream socket, and its reply: the configuration socket of any
// implementation and the control socket of our own.
#pragma once

#include <string>
#include <string_view>

#include "agent/bench/interrupts.hpp"
#include "agent/crypto/secret.hpp"
#include "xdpmesh/clock.hpp"
#include "xdpmesh/result.hpp"

namespace xm::bench {

// Sends `request` and returns what comes up to and without `terminator`.
[[nodiscard]] Result<std::string> ask(const std::string& path, std::string_view request,
                                      std::string_view terminator, Interrupts& interrupts,
                                      Duration patience);

// The peer of a tunnel's end, and the end itself.
struct EndConfiguration {
  Key private_key;
  PublicKey peer_key{};
  std::string peer_endpoint;    // "192.0.2.2:51820"
  std::string peer_allowed_ip;  // "10.77.0.2/32"
  std::uint16_t listen_port = 51820;
};

// A set request of https://www.wireguard.com/xplatform/ that replaces every peer.
[[nodiscard]] std::string configuration_request(const EndConfiguration& end);

// A set request that adds peers which nobody will ever hear of, numbered from `first`: their keys
// and addresses (of 10.128.0.0/9) follow from the number.
[[nodiscard]] std::string silent_peers_request(std::uint32_t first, std::uint32_t count);

// Sends a set request and expects errno=0.
[[nodiscard]] Status configure(const std::string& path, std::string_view request,
                               Interrupts& interrupts);

}  // namespace xm::bench
