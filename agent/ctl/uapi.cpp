#include "agent/ctl/uapi.hpp"

#include <net/if.h>

#include <algorithm>
#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <utility>

#include "agent/ctl/printable.hpp"

namespace xm {
namespace {

template <std::unsigned_integral T>
std::optional<T> parse_decimal(std::string_view text) {
  T number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// 64 hexadecimal digits into 32 bytes. On failure `out` may hold a part: it is the caller's to
// wipe.
bool parse_hex(std::string_view text, MutableBytes out) {
  if (text.size() != 2 * out.size()) return false;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = hex_digit(text[2 * i]);
    const int low = hex_digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return true;
}

std::optional<Key> parse_key(std::string_view text) {
  std::optional<Key> key(std::in_place);
  if (!parse_hex(text, key->expose_mutable())) return std::nullopt;
  return key;
}

// As Endpoint::parse(), and the zone of "[fe80::1%eth0]:51820" may be an interface's name, which is
// how getnameinfo() and so wg(8) writes it.
std::optional<Endpoint> parse_endpoint(std::string_view text) {
  const std::size_t percent = text.find('%');
  const std::size_t bracket = text.find(']');
  if (percent == std::string_view::npos || bracket == std::string_view::npos || bracket < percent) {
    return Endpoint::parse(text);
  }
  const std::string zone(text.substr(percent + 1, bracket - percent - 1));
  if (parse_decimal<std::uint32_t>(zone)) return Endpoint::parse(text);
  const unsigned index = zone.size() < IF_NAMESIZE ? if_nametoindex(zone.c_str()) : 0;
  if (index == 0) return std::nullopt;
  return Endpoint::parse(std::string(text.substr(0, percent + 1)) + std::to_string(index) +
                         std::string(text.substr(bracket)));
}

void append_number(SecretText& out, std::string_view key, std::uint64_t value) {
  out.append(key).append(1, '=').append(std::to_string(value)).append(1, '\n');
}

void append_hex(SecretText& out, std::string_view key, Bytes bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out.append(key).append(1, '=');
  for (const std::uint8_t byte : bytes) {
    out.append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
  }
  out.append(1, '\n');
}

}  // namespace

std::size_t UapiParser::feed(std::string_view bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size() && state_ != State::complete && state_ != State::not_uapi) {
    const std::string_view rest = bytes.substr(taken);
    const std::size_t end = rest.find('\n');
    const std::string_view piece = rest.substr(0, end);
    if (line_.capacity() < kUapiMaxLine) line_.reserve(kUapiMaxLine);
    if (line_.size() + piece.size() > kUapiMaxLine) line_too_long_ = true;
    if (!line_too_long_) line_.append(piece);
    taken += piece.size();
    if (end == std::string_view::npos) break;
    ++taken;
    end_line();
  }
  // So that an endless first line, which no one will ever end, is noticed.
  if (state_ == State::operation && line_too_long_) state_ = State::not_uapi;
  return taken;
}

void UapiParser::finish() {
  if (between_requests() || complete() || not_uapi()) return;
  if (state_ == State::operation) {
    state_ = State::not_uapi;
    return;
  }
  wipe(line_);
  if (request_.outcome.ok()) fail(EPROTO, "the request ends without its empty line");
  state_ = State::complete;
}

UapiRequest UapiParser::take() {
  state_ = State::operation;
  line_number_ = request_bytes_ = 0;
  UapiRequest taken = std::move(request_);
  request_ = UapiRequest{};
  return taken;
}

void UapiParser::end_line() {
  ++line_number_;
  request_bytes_ += line_.size() + 1;
  const std::string_view line = line_;
  const bool is_empty = line.empty() && !line_too_long_;
  if (state_ == State::operation) {
    operation_line(line_too_long_ ? std::string_view() : line);
  } else if (is_empty) {
    state_ = State::complete;
  } else if (state_ == State::get) {
    fail(EINVAL, "a get is followed by an empty line and nothing else");
  } else if (state_ != State::skipping) {
    if (line_too_long_) {
      fail(EPROTO, "longer than " + std::to_string(kUapiMaxLine) + " bytes");
    } else if (request_bytes_ > kUapiMaxRequest) {
      fail(E2BIG, "the request is larger than " + std::to_string(kUapiMaxRequest) + " bytes");
    } else {
      key_value_line(line);
    }
  }
  wipe(line_);
  line_too_long_ = false;
}

void UapiParser::operation_line(std::string_view line) {
  if (line == "get=1") {
    request_.operation = UapiOperation::get;
    state_ = State::get;
  } else if (line == "set=1") {
    request_.operation = UapiOperation::set;
    state_ = State::interface;
  } else {
    state_ = State::not_uapi;
  }
}

void UapiParser::key_value_line(std::string_view line) {
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) {
    fail(EPROTO, "expected key=value, or an empty line at the end");
    return;
  }
  const std::string_view key = line.substr(0, equals);
  const std::string_view value = line.substr(equals + 1);
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; };
  if (std::any_of(line.begin(), line.end(), is_control)) {
    fail(EINVAL, "the line has a control character: lines end with a line feed alone");
  } else if (key == "public_key") {
    PublicKey public_key{};
    if (!parse_hex(value, public_key)) {
      fail_secret(key, value);
    } else if (request_.change.peers.size() >= kUapiMaxPeerChanges) {
      fail(E2BIG, "more than " + std::to_string(kUapiMaxPeerChanges) + " peers in one request");
    } else {
      begin_peer(public_key);
      state_ = State::peer;
    }
  } else if (state_ == State::interface) {
    interface_line(key, value);
  } else {
    peer_line(key, value);
  }
}

void UapiParser::interface_line(std::string_view key, std::string_view value) {
  InterfaceChange& change = request_.change;
  if (key == "private_key") {
    if (!(change.private_key = parse_key(value))) fail_secret(key, value);
  } else if (key == "listen_port") {
    change.listen_port = parse_decimal<std::uint16_t>(value);
    if (!change.listen_port) fail_value(key, "a number from 0 to 65535", value);
  } else if (key == "fwmark") {
    change.fwmark = parse_decimal<std::uint32_t>(value);
    if (!change.fwmark) fail_value(key, "a number from 0 to 4294967295", value);
  } else if (key == "replace_peers") {
    change.replace_peers = value == "true";
    if (!change.replace_peers) fail_value(key, "true", value);
  } else {
    fail(EINVAL, "unknown key " + printable(key) +
                     "; before the first public_key there may be private_key, listen_port, fwmark "
                     "and replace_peers");
  }
}

void UapiParser::peer_line(std::string_view key, std::string_view value) {
  PeerChange& peer = request_.change.peers.back();
  if (key == "allowed_ip") {
    allowed_ip_line(value);
  } else if (key == "preshared_key") {
    if (!(peer.preshared_key = parse_key(value))) fail_secret(key, value);
  } else if (key == "endpoint") {
    peer.endpoint = parse_endpoint(value);
    if (!peer.endpoint) {
      fail_value(key, "IPV4:PORT, [IPV6]:PORT or [IPV6%INTERFACE]:PORT", value);
    }
  } else if (key == "persistent_keepalive_interval") {
    peer.persistent_keepalive = parse_decimal<std::uint16_t>(value);
    if (!peer.persistent_keepalive) fail_value(key, "seconds from 0 to 65535", value);
  } else if (key == "replace_allowed_ips") {
    peer.replace_allowed_ips = value == "true";
    peer.add_allowed_ips.clear();  // they came before and are among the replaced
    peer.remove_allowed_ips.clear();
    if (!peer.replace_allowed_ips) fail_value(key, "true", value);
  } else if (key == "remove") {
    peer.remove = value == "true";
    if (!peer.remove) fail_value(key, "true", value);
  } else if (key == "update_only") {
    peer.update_only = value == "true";
    if (!peer.update_only) fail_value(key, "true", value);
  } else if (key == "protocol_version") {
    if (value != "1") fail_value(key, "1", value);
  } else {
    fail(EINVAL, "unknown key " + printable(key) +
                     "; after a public_key there may be preshared_key, endpoint, "
                     "persistent_keepalive_interval, replace_allowed_ips, allowed_ip, remove, "
                     "update_only and protocol_version");
  }
}

void UapiParser::allowed_ip_line(std::string_view value) {
  const bool removes = value.starts_with('-');
  const std::string_view text = removes ? value.substr(1) : value;
  const auto prefix = Prefix::parse(text);
  if (!prefix || text.find('/') == std::string_view::npos) {
    fail_value("allowed_ip", "ADDRESS/LENGTH, with a - before it to remove", value);
    return;
  }
  PeerChange* peer = &request_.change.peers.back();
  if (removes) {
    peer->remove_allowed_ips.push_back(*prefix);
    return;
  }
  if (!peer->remove_allowed_ips.empty()) {
    // One change adds before it removes: what is added after a removal needs a change of its own.
    if (request_.change.peers.size() >= kUapiMaxPeerChanges) {
      fail(E2BIG, "allowed IPs are added and removed in turns too often");
      return;
    }
    const PublicKey public_key = peer->public_key;
    begin_peer(public_key);
    peer = &request_.change.peers.back();
    peer->update_only = true;  // the change before made the peer, or was not to
  }
  peer->add_allowed_ips.push_back(*prefix);
}

void UapiParser::begin_peer(const PublicKey& public_key) {
  request_.change.peers.emplace_back().public_key = public_key;
}

void UapiParser::fail(int os_errno, std::string_view what) {
  request_.change = InterfaceChange{};
  request_.outcome = Error{
      "line " + std::to_string(line_number_) + " of the request: " + std::string(what), os_errno};
  state_ = State::skipping;
}

void UapiParser::fail_value(std::string_view key, std::string_view expected,
                            std::string_view value) {
  fail(EINVAL,
       std::string(key) + ": expected " + std::string(expected) + ", got " + printable(value));
}

void UapiParser::fail_secret(std::string_view key, std::string_view value) {
  const std::string got = value.size() == 64 ? "64 characters of which not all are such digits"
                                             : std::to_string(value.size()) + " characters";
  fail(EINVAL, std::string(key) + ": expected 64 hexadecimal digits, got " + got);
}

SecretText format_view(const InterfaceView& view) {
  SecretText out;
  if (!view.private_key.is_zero()) append_hex(out, "private_key", view.private_key.expose());
  if (view.listen_port != 0) append_number(out, "listen_port", view.listen_port);
  if (view.fwmark != 0) append_number(out, "fwmark", view.fwmark);
  for (const PeerView& peer : view.peers) {
    constexpr std::int64_t kSecond = 1'000'000'000;
    const auto handshake =
        static_cast<std::uint64_t>(std::max<std::int64_t>(peer.last_handshake.nanoseconds, 0));
    append_hex(out, "public_key", peer.public_key);
    append_hex(out, "preshared_key", peer.preshared_key.expose());
    append_number(out, "protocol_version", 1);
    if (peer.endpoint.is_set()) {
      out.append("endpoint=").append(peer.endpoint.to_string()).append(1, '\n');
    }
    append_number(out, "last_handshake_time_sec", handshake / kSecond);
    append_number(out, "last_handshake_time_nsec", handshake % kSecond);
    append_number(out, "tx_bytes", peer.sent_bytes);
    append_number(out, "rx_bytes", peer.received_bytes);
    append_number(out, "persistent_keepalive_interval", peer.persistent_keepalive);
    for (const Prefix& prefix : peer.allowed_ips) {
      out.append("allowed_ip=").append(prefix.to_string()).append(1, '\n');
    }
  }
  return out;
}

SecretText format_errno(int os_errno) {
  return SecretText("errno=").append(std::to_string(-os_errno)).append("\n\n");
}

}  // namespace xm
