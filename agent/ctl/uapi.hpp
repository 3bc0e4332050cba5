// The cross-platform configuration protocol (https://www.wireguard.com/xplatform/), as text on one
// side and values on the other. No sockets here: see uapi_server.hpp.
//
// A request is lines "key=value" up to an empty line. As wireguard-go, with two differences: a
// `set` takes effect whole after its empty line or, when any line is wrong, not at all; and after a
// wrong line the rest of the request is skipped, so that a client that writes megabytes before it
// reads gets its answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/crypto/secret_text.hpp"
#include "agent/peer/config.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

inline constexpr std::size_t kUapiMaxLine = 256;
inline constexpr std::size_t kUapiMaxRequest = std::size_t{64} << 20;
inline constexpr std::size_t kUapiMaxPeerChanges = std::size_t{1} << 20;

enum class UapiOperation : std::uint8_t { get, set };

struct UapiRequest {
  UapiOperation operation = UapiOperation::get;
  InterfaceChange change;  // of a set that is ok; several entries may name the same peer
  // EPROTO: a line that is not "key=value", or a request cut short. EINVAL: an unknown key or a bad
  // value. E2BIG: over a limit above. The sentence names line and key, never a key's value.
  Status outcome;
};

// Reads requests from a stream of bytes. Everything that may hold a key is wiped after use.
class UapiParser {
 public:
  // Takes bytes from the front of `bytes`, up to the end of one request; returns how many.
  // Takes none while a request is complete or the stream is not UAPI.
  std::size_t feed(std::string_view bytes);
  // The stream has ended: a request that is cut short completes as an error.
  void finish();

  [[nodiscard]] bool complete() const { return state_ == State::complete; }
  // The first line was no operation: there is no way to find the next request. Close.
  [[nodiscard]] bool not_uapi() const { return state_ == State::not_uapi; }
  // No byte of a next request has come yet.
  [[nodiscard]] bool between_requests() const {
    return state_ == State::operation && line_.empty();
  }

  // Only when complete(). Starts over for the next request.
  [[nodiscard]] UapiRequest take();

 private:
  enum class State : std::uint8_t { operation, get, interface, peer, skipping, complete, not_uapi };

  void end_line();
  void operation_line(std::string_view line);
  void key_value_line(std::string_view line);
  void interface_line(std::string_view key, std::string_view value);
  void peer_line(std::string_view key, std::string_view value);
  void allowed_ip_line(std::string_view value);
  void begin_peer(const PublicKey& public_key);
  void fail(int os_errno, std::string_view what);
  void fail_value(std::string_view key, std::string_view expected, std::string_view value);
  void fail_secret(std::string_view key, std::string_view value);

  State state_ = State::operation;
  SecretText line_;              // the unfinished line
  std::size_t line_number_ = 0;  // of the request, from 1
  std::size_t request_bytes_ = 0;
  bool line_too_long_ = false;
  UapiRequest request_;
};

// The lines of a `get` without the final errno. Contains secrets.
[[nodiscard]] SecretText format_view(const InterfaceView& view);

// "errno=0\n\n", or the error as wireguard-go sends it: negative.
[[nodiscard]] SecretText format_errno(int os_errno);

}  // namespace xm
