#include "agent/bench/socket_client.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "agent/ctl/unix_listener.hpp"

namespace xm::bench {
namespace {

constexpr std::size_t kMaxReply = std::size_t{16} << 20;

// The keys are made for one measurement and thrown away: no need to wipe their text.
std::string to_hex(Bytes bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

Status send_all(const Fd& socket, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t sent = ::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0) return errno_error("cannot send to " + path);
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

}  // namespace

Result<std::string> ask(const std::string& path, std::string_view request,
                        std::string_view terminator, Interrupts& interrupts, Duration patience) {
  const auto socket = connect_to_unix_path(path);
  if (!socket) return socket.error();
  // A reader that is slow to take a long request is waited for.
  const timeval limit{std::chrono::ceil<std::chrono::seconds>(patience).count(), 0};
  ::setsockopt(socket.value().get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (auto sent = send_all(socket.value(), request, path); !sent) return sent.error();
  std::string reply;
  std::array<char, 65536> piece;
  while (reply.size() < kMaxReply) {
    if (!interrupts.wait_readable(socket.value().get(), patience)) {
      if (interrupts.requested()) return interrupted();
      return Error{path + " does not answer", ETIMEDOUT};
    }
    const ssize_t got = ::recv(socket.value().get(), piece.data(), piece.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got < 0) return errno_error("cannot read from " + path);
    if (got == 0) return Error{path + " was closed in the middle of its reply"};
    reply.append(piece.data(), static_cast<std::size_t>(got));
    if (const std::size_t end = reply.find(terminator); end != std::string::npos) {
      reply.resize(end);
      return reply;
    }
  }
  return Error{"the reply of " + path + " is larger than " + std::to_string(kMaxReply) + " bytes"};
}

std::string configuration_request(const EndConfiguration& end) {
  return "set=1\nprivate_key=" + to_hex(end.private_key.expose()) +
         "\nlisten_port=" + std::to_string(end.listen_port) +
         "\nreplace_peers=true\npublic_key=" + to_hex(end.peer_key) +
         "\nendpoint=" + end.peer_endpoint +
         "\nreplace_allowed_ips=true\nallowed_ip=" + end.peer_allowed_ip + "\n\n";
}

std::string silent_peers_request(std::uint32_t first, std::uint32_t count) {
  std::string request = "set=1\n";
  for (std::uint32_t number = first; number < first + count; ++number) {
    PublicKey key;
    key.fill(0x42);
    store_le32(key.data(), number);
    request += "public_key=" + to_hex(key) + "\nallowed_ip=10." +
               std::to_string(128 + (number >> 16 & 127)) + "." +
               std::to_string(number >> 8 & 255) + "." + std::to_string(number & 255) + "/32\n";
  }
  return request + "\n";
}

Status configure(const std::string& path, std::string_view request, Interrupts& interrupts) {
  const auto reply = ask(path, request, "\n\n", interrupts, 10s);
  if (!reply) return reply.error();
  if (reply.value() == "errno=0") return {};
  return Error{path + " refused its configuration: expected errno=0, got '" + reply.value() + "'"};
}

}  // namespace xm::bench
