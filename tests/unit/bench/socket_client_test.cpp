#include "agent/bench/socket_client.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>

#include <set>
#include <sstream>
#include <thread>

#include "agent/ctl/unix_listener.hpp"
#include "tests/support/temporary_directory.hpp"

namespace xm::bench {
namespace {

// Listens in a directory of its own and answers its one caller with a fixed text.
class Responder {
 public:
  explicit Responder(std::string reply)
      : listener_(std::move(listen_on_unix_path(path()).value())),
        thread_([this, reply = std::move(reply)] { serve(reply); }) {}
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;
  ~Responder() { thread_.join(); }

  [[nodiscard]] std::string path() const { return directory_ / "xb1a.sock"; }
  [[nodiscard]] const std::string& request() const { return request_; }

 private:
  void serve(const std::string& reply) {
    pollfd waiting{listener_.get(), POLLIN, 0};
    ::poll(&waiting, 1, -1);
    const Fd caller(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    char piece[4096];
    while (request_.find("\n\n") == std::string::npos) {
      const ssize_t got = ::recv(caller.get(), piece, sizeof piece, 0);
      if (got <= 0) return;
      request_.append(piece, static_cast<std::size_t>(got));
    }
    ::send(caller.get(), reply.data(), reply.size(), MSG_NOSIGNAL);
  }

  test::TemporaryDirectory directory_;
  Fd listener_;
  std::string request_;
  std::thread thread_;
};

}  // namespace

TEST_CASE("socket_client: a tunnel's end in the cross-platform form") {
  EndConfiguration end;
  end.private_key = Key(std::array<std::uint8_t, 32>{0xab, 0x01});
  end.peer_key = {0x00, 0xff};
  end.peer_endpoint = "192.0.2.2:51820";
  end.peer_allowed_ip = "10.77.0.2/32";
  end.listen_port = 4711;
  const std::string zeroes(60, '0');
  CHECK(configuration_request(end) ==
        "set=1\nprivate_key=ab01" + zeroes +
            "\nlisten_port=4711\nreplace_peers=true\npublic_key=00ff" + zeroes +
            "\nendpoint=192.0.2.2:51820\nreplace_allowed_ips=true\n"
            "allowed_ip=10.77.0.2/32\n\n");
}

TEST_CASE("socket_client: silent peers differ in key and address") {
  const std::string request = silent_peers_request(1, 999);
  CHECK(request.starts_with("set=1\npublic_key=01000000"));
  CHECK(request.ends_with("/32\n\n"));
  std::set<std::string> lines;
  std::istringstream all(request);
  for (std::string line; std::getline(all, line) && !line.empty();) {
    CAPTURE(line);
    CHECK(lines.insert(line).second);
  }
  CHECK(lines.size() == 1 + 2 * 999);
  CHECK(lines.contains("allowed_ip=10.128.3.231/32"));
}

TEST_CASE("socket_client: errno=0 is success, all else an error that names what came") {
  auto interrupts = Interrupts::open();
  REQUIRE(interrupts.ok());
  {
    Responder responder("errno=0\n\n");
    CHECK(configure(responder.path(), "set=1\n\n", interrupts.value()).ok());
    CHECK(responder.request() == "set=1\n\n");
  }
  {
    Responder responder("errno=-22\n\n");
    const auto refused = configure(responder.path(), "set=1\n\n", interrupts.value());
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().what.find("errno=-22") != std::string::npos);
  }
  {
    Responder responder("errno=");
    const auto half = configure(responder.path(), "set=1\n\n", interrupts.value());
    REQUIRE_FALSE(half.ok());
    CHECK(half.error().what.find("in the middle") != std::string::npos);
  }
}

TEST_CASE("socket_client: nobody there is an error") {
  const test::TemporaryDirectory directory;
  auto interrupts = Interrupts::open();
  REQUIRE(interrupts.ok());
  const auto reply = ask(directory / "none.sock", "x", "\n", interrupts.value(), 1s);
  REQUIRE_FALSE(reply.ok());
  CHECK(reply.error().os_errno == ENOENT);
}

}  // namespace xm::bench
