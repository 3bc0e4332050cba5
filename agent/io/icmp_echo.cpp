#include "agent/io/icmp_echo.hpp"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "agent/wire/checksum.hpp"
#include "agent/wire/ip.hpp"

namespace xm {
namespace {

// type, code, checksum, identifier, sequence number; then our mark
constexpr std::size_t kHeader = 8;
constexpr std::size_t kRun = kHeader;

std::uint8_t request_type(IpAddress::Family family) {
  return family == IpAddress::Family::v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
}
std::uint8_t reply_type(IpAddress::Family family) {
  return family == IpAddress::Family::v4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY;
}

Fd open_socket(const IpAddress& to, bool raw) {
  return Fd(::socket(to.is_v4() ? AF_INET : AF_INET6, (raw ? SOCK_RAW : SOCK_DGRAM) | SOCK_CLOEXEC,
                     to.is_v4() ? static_cast<int>(IPPROTO_ICMP) : IPPROTO_ICMPV6));
}

}  // namespace

std::vector<std::uint8_t> echo_request(IpAddress::Family family, const EchoMark& mark) {
  std::vector<std::uint8_t> message(kHeader + kEchoPayload);
  message[0] = request_type(family);
  store_be16(&message[4], static_cast<std::uint16_t>(mark.run));
  store_be16(&message[6], mark.sequence);
  store_be64(&message[kRun], mark.run);
  if (family == IpAddress::Family::v4) checksum_store(&message[2], checksum_sum(message));
  return message;
}

bool is_echo_reply(Bytes message, IpAddress::Family family, const EchoMark& mark) {
  // A ping socket has an identifier of its own in place of ours.
  return message.size() == kHeader + kEchoPayload && message[0] == reply_type(family) &&
         message[1] == 0 && load_be16(&message[6]) == mark.sequence &&
         load_be64(&message[kRun]) == mark.run;
}

Result<std::unique_ptr<Echo>> EchoSocket::open(const IpAddress& to, const std::string& interface) {
  bool raw = false;
  Fd socket = open_socket(to, raw);
  if (!socket && (errno == EACCES || errno == EPERM)) {
    raw = true;
    socket = open_socket(to, raw);
  }
  if (!socket) {
    return errno_error(
        "cannot open a socket for ICMP: expected the user's group in net.ipv4.ping_group_range, or "
        "CAP_NET_RAW (run as root)");
  }
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE, interface.c_str(),
                   static_cast<socklen_t>(interface.size())) != 0) {
    return errno_error("cannot ping through " + interface);
  }
  sockaddr_storage remote{};
  const socklen_t length = Endpoint{to, 0, 0}.to_sockaddr(remote);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&remote), length) != 0) {
    return errno_error("cannot reach " + to.to_string() + " through " + interface);
  }
  std::uint64_t run = 0;
  if (::getrandom(&run, sizeof run, 0) != sizeof run) return errno_error("no random number");
  return std::unique_ptr<Echo>(new EchoSocket(std::move(socket), to, raw, run));
}

Result<std::optional<Duration>> EchoSocket::ask(std::uint16_t sequence, Duration patience) {
  const SystemClock clock;
  const auto request = echo_request(to_.family, {run_, sequence});
  const Instant sent = clock.now();
  if (::send(socket_.get(), request.data(), request.size(), 0) < 0) {
    return errno_error("cannot send to " + to_.to_string());
  }
  const Instant deadline = sent + patience;
  for (Instant now = sent; now < deadline; now = clock.now()) {
    pollfd readable{socket_.get(), POLLIN, 0};
    const Duration rest = deadline - now;
    // Rounded up, so that the last wait is not a busy one.
    if (::poll(&readable, 1, static_cast<int>((rest + 999'999ns) / 1ms)) <= 0) continue;
    if (read_reply(sequence)) return std::optional(clock.now() - sent);
  }
  return std::optional<Duration>();
}

bool EchoSocket::read_reply(std::uint16_t sequence) {
  std::array<std::uint8_t, 2048> buffer;
  const ssize_t length = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (length < 0) return false;  // an ICMP error that came back is told by recv too
  Bytes message(buffer.data(), static_cast<std::size_t>(length));
  if (raw_ && to_.is_v4()) {  // IPv4's raw sockets keep the header
    if (message.size() < ipv4::kHeaderSize) return false;
    const std::size_t header = std::size_t{4} * (message[0] & 0xfU);
    if (message.size() < header) return false;
    message = message.subspan(header);
  }
  return is_echo_reply(message, to_.family, {run_, sequence});
}

}  // namespace xm
