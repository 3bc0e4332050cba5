#include "agent/ctl/stream_server.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

#include "tests/support/temporary_directory.hpp"
#include "tests/unit/ctl/socket_client.hpp"

namespace xm {
namespace {

using test::serve_all;
using test::SocketClient;

// A request is a line; the reply is the line `copies` times. "bye" ends the conversation.
class Echo final : public Dialogue {
 public:
  explicit Echo(std::size_t copies) : copies_(copies) {}

  std::size_t take(std::string_view input, SecretText& reply) override {
    const std::size_t end = input.find('\n');
    line_ += input.substr(0, end);
    if (end == std::string_view::npos) return input.size();
    for (std::size_t i = 0; i < copies_; ++i) reply.append(line_).append("\n");
    finished_ = line_ == "bye";
    line_.clear();
    return end + 1;
  }
  void end_of_input(SecretText& reply) override {
    if (!line_.empty()) reply.append("cut: ").append(line_);
    line_.clear();
  }
  [[nodiscard]] bool idle() const override { return line_.empty(); }
  [[nodiscard]] bool finished() const override { return finished_; }

 private:
  std::size_t copies_;
  std::string line_;
  bool finished_ = false;
};

struct Lab {
  explicit Lab(std::size_t copies = 1) {
    options.directory = directory.path();
    options.name = "wg0";
    options.watch_path = true;
    options.make_dialogue = [copies] { return std::make_unique<Echo>(copies); };
  }
  std::unique_ptr<StreamServer> open() {
    auto server = StreamServer::open(std::move(options));
    REQUIRE(server.ok());
    return std::move(server).value();
  }

  test::TemporaryDirectory directory;
  StreamServerOptions options;
};

}  // namespace

TEST_CASE("stream server: several clients, several requests, any pieces") {
  Lab lab;
  const auto server = lab.open();
  SocketClient a(server->path());
  SocketClient b(server->path());
  CHECK(a.ask(*server, "he").empty());
  CHECK(b.ask(*server, "one\ntwo\nthr") == "one\ntwo\n");
  CHECK(a.ask(*server, "llo\n") == "hello\n");
  CHECK(b.ask(*server, "ee\n") == "three\n");
  CHECK(server->client_count() == 2);
}

TEST_CASE("stream server: a client that sends no more gets its reply and is closed") {
  Lab lab;
  const auto server = lab.open();
  SocketClient whole(server->path());
  SocketClient cut(server->path());
  SocketClient silent(server->path());
  whole.send("last\n");
  cut.send("half");
  for (SocketClient* client : {&whole, &cut, &silent}) client->end_input();
  serve_all(*server);
  CHECK(whole.receive() == "last\n");
  CHECK(cut.receive() == "cut: half");
  CHECK(silent.receive().empty());
  for (SocketClient* client : {&whole, &cut, &silent}) CHECK(client->closed());
  CHECK(server->client_count() == 0);
}

TEST_CASE("stream server: the dialogue's end closes the connection after the reply") {
  Lab lab;
  const auto server = lab.open();
  SocketClient client(server->path());
  CHECK(client.ask(*server, "bye\nmore\n") == "bye\n");
  CHECK(client.closed());
}

TEST_CASE("stream server: a client that is gone is forgotten, also in the middle of a reply") {
  Lab lab(1'000'000);
  const auto server = lab.open();
  {
    const SocketClient client(server->path());
    client.send("a long reply\n");
    serve_all(*server);
    CHECK(server->client_count() == 1);
  }
  serve_all(*server);
  CHECK(server->client_count() == 0);
}

TEST_CASE("stream server: a reader that stops holds up no one and costs one reply") {
  Lab lab(1'000'000);
  const auto server = lab.open();
  SocketClient slow(server->path());
  slow.send("0123456\n0123456\n0123456\n");
  serve_all(*server);
  CHECK_FALSE(test::is_readable(server->fd()));  // nothing spins while the reader sleeps

  SocketClient other(server->path());
  CHECK(other.ask(*server, "x\n").size() == 2'000'000);

  std::size_t received = 0;
  for (std::string more = "x"; !more.empty(); received += more.size()) {
    more = slow.receive(100'000);
    serve_all(*server);
  }
  CHECK(received == 3 * 8'000'000);
}

TEST_CASE("stream server: who stops in the middle is closed, who is idle may stay") {
  Lab lab(1'000'000);
  lab.options.patience = 30s;
  const auto server = lab.open();
  const Instant start = SystemClock().now();
  SocketClient idle(server->path());
  SocketClient half(server->path());
  SocketClient reader(server->path());
  half.send("half a requ");
  reader.send("a reply that no one reads\n");
  serve_all(*server, start);
  CHECK(server->client_count() == 3);
  server->dispatch(start + 29s);
  CHECK(server->client_count() == 3);
  server->dispatch(start + 31s);
  CHECK(server->client_count() == 1);
  CHECK(half.closed());
  CHECK_FALSE(idle.closed());
}

TEST_CASE("stream server: the timer wakes the owner when someone's patience ends") {
  Lab lab;
  lab.options.patience = 20ms;
  const auto server = lab.open();
  SocketClient half(server->path());
  half.send("half");
  serve_all(*server);
  pollfd readable{server->fd(), POLLIN, 0};
  CHECK(::poll(&readable, 1, /*timeout=*/60'000) == 1);
  server->dispatch(SystemClock().now());
  CHECK(half.closed());
  CHECK(server->client_count() == 0);
}

TEST_CASE("stream server: when all places are taken the longest-silent client gives way") {
  Lab lab;
  lab.options.max_clients = 8;
  const auto server = lab.open();
  const Instant start = SystemClock().now();
  std::vector<std::unique_ptr<SocketClient>> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(std::make_unique<SocketClient>(server->path()));
    serve_all(*server, start + i * 1s);
  }
  clients[0]->send("half");  // busy, but heard of just now
  serve_all(*server, start + 10s);
  SocketClient late(server->path());
  serve_all(*server, start + 11s);
  CHECK(server->client_count() == 8);
  CHECK_FALSE(clients[0]->closed());
  CHECK(clients[1]->closed());
  late.send("hello\n");
  serve_all(*server, start + 12s);
  CHECK(late.receive() == "hello\n");
}

TEST_CASE("stream server: five hundred clients come and go") {
  Lab lab;
  const auto server = lab.open();
  for (int i = 0; i < 500; ++i) {
    SocketClient client(server->path());
    CHECK(client.ask(*server, "hi\n") == "hi\n");
  }
  serve_all(*server);
  CHECK(server->client_count() == 0);
}

TEST_CASE("stream server: knows when its socket is deleted or replaced") {
  Lab lab;
  const auto server = lab.open();
  std::ofstream(lab.directory / "other.sock") << "not ours";
  std::filesystem::remove(lab.directory / "other.sock");
  serve_all(*server);
  CHECK_FALSE(server->deleted());

  SUBCASE("deleted") {
    std::filesystem::remove(server->path());
  }
  SUBCASE("moved") {
    std::filesystem::rename(server->path(), lab.directory / "x");
  }
  SUBCASE("replaced") {
    std::ofstream(lab.directory / "file") << "x";
    std::filesystem::rename(lab.directory / "file", server->path());
  }
  SUBCASE("with its directory") {
    std::filesystem::remove_all(lab.directory.path());
  }
  serve_all(*server);
  CHECK(server->deleted());
}

TEST_CASE("stream server: removes its own socket at the end, and no other") {
  Lab lab;
  auto server = lab.open();
  const std::string path = server->path();
  SUBCASE("its own") {
    server.reset();
    CHECK_FALSE(std::filesystem::exists(path));
  }
  SUBCASE("another's") {
    std::filesystem::remove(path);
    const auto other = listen_on_unix_path(path);
    server.reset();
    CHECK(std::filesystem::exists(path));
  }
}

TEST_CASE("stream server: takes over a listening socket") {
  Lab lab;
  auto listener = listen_on_unix_path(lab.directory / "given.sock");
  REQUIRE(listener.ok());
  lab.options.adopt_fd = std::move(listener).value().release();
  const auto server = lab.open();
  CHECK(server->path() == lab.directory / "given.sock");
  SocketClient client(server->path());
  CHECK(client.ask(*server, "hi\n") == "hi\n");
  std::filesystem::remove(server->path());
  serve_all(*server);
  CHECK(server->deleted());
}

TEST_CASE("stream server: refuses a socket that answers, and a descriptor that is none") {
  Lab lab;
  const auto first = listen_on_unix_path(lab.directory / "wg0.sock");
  const auto second = StreamServer::open(std::move(lab.options));
  CHECK(second.error().os_errno == EADDRINUSE);
  StreamServerOptions with_bad_fd;
  with_bad_fd.adopt_fd = 9999;
  CHECK(StreamServer::open(std::move(with_bad_fd)).error().os_errno == EINVAL);
}

}  // namespace xm
