// The other end of a server under test: served and client take turns in one thread.
#pragma once

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "agent/ctl/unix_listener.hpp"
#include "xdpmesh/clock.hpp"
#include "xdpmesh/fd.hpp"

namespace xm::test {

inline bool is_readable(int fd) {
  pollfd readable{fd, POLLIN, 0};
  return ::poll(&readable, 1, 0) == 1;
}

// Lets the server do everything that is ready now. More rounds than any test needs.
template <typename Server>
void serve_all(Server& server, Instant now = SystemClock().now()) {
  for (int round = 0; round < 10'000 && is_readable(server.fd()); ++round) server.dispatch(now);
}

class SocketClient {
 public:
  explicit SocketClient(const std::string& path) {
    auto connected = connect_to_unix_path(path);
    REQUIRE(connected.ok());
    fd_ = std::move(connected).value();
  }
  explicit SocketClient(Fd connected) : fd_(std::move(connected)) {}

  // Returns how much the kernel took.
  std::size_t send(std::string_view text) const {
    const ssize_t sent = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
    return sent < 0 ? 0 : static_cast<std::size_t>(sent);
  }
  void end_input() const { ::shutdown(fd_.get(), SHUT_WR); }

  // Up to `limit` bytes of what is there.
  [[nodiscard]] std::string receive(std::size_t limit = SIZE_MAX) {
    std::string text;
    std::array<char, 65536> piece;
    while (text.size() < limit) {
      const ssize_t got = ::recv(fd_.get(), piece.data(),
                                 std::min(piece.size(), limit - text.size()), MSG_DONTWAIT);
      if (got == 0) closed_ = true;
      if (got < 0 && errno != EAGAIN) closed_ = true;
      if (got <= 0) return text;
      text.append(piece.data(), static_cast<std::size_t>(got));
    }
    return text;
  }

  // Sends all, serving in between, and returns what came back.
  template <typename Server>
  std::string ask(Server& server, std::string_view text) {
    std::string reply;
    for (int round = 0; round < 10'000 && !text.empty(); ++round) {
      text.remove_prefix(send(text));
      serve_all(server);
      reply += receive();
    }
    for (std::string more = "x"; !more.empty(); reply += more) {
      serve_all(server);
      more = receive();
    }
    return reply;
  }

  // The server has closed the connection; as of the last receive().
  [[nodiscard]] bool closed() {
    (void)receive();
    return closed_;
  }

 private:
  Fd fd_;
  bool closed_ = false;
};

}  // namespace xm::test
