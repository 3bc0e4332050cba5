// Against a name server of the test's, in namespaces of its own.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <fstream>
#include <string>
#include <thread>

#include "agent/io/dns_answer.hpp"
#include "agent/io/resolver.hpp"
#include "tests/support/dns_answers.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/io/own_namespace.hpp"

using namespace xm;
using test::DnsAnswer;

namespace {

// The question of a query: name with dots, and type.
std::pair<std::string, std::uint16_t> question_of(const std::vector<std::uint8_t>& query) {
  std::string name;
  std::size_t at = 12;
  while (at < query.size() && query[at] != 0) {
    if (!name.empty()) name += '.';
    name.append(reinterpret_cast<const char*>(&query[at + 1]), query[at]);
    at += 1U + query[at];
  }
  return {name, load_be16(&query.at(at + 1))};
}

std::vector<std::uint8_t> answer(const std::vector<std::uint8_t>& query) {
  const auto [name, type] = question_of(query);
  DnsAnswer reply(name, type, load_be16(query.data()));
  if (name == "a.example.net") {
    if (type == DnsAnswer::kA) reply.add(type, {192, 0, 2, 1});
    if (type == DnsAnswer::kAaaa) {
      reply.add(type, {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
    }
    if (type == DnsAnswer::kTxt) reply.add_text({"k=xm1aaaa"});
  } else if (name == "_xdp-mesh._udp.example.net") {
    if (type == DnsAnswer::kSrv) reply.add_service(1, 1, 51820, "a.example.net");
  } else if (name == "broken.example.net") {
    reply.set_code(2);  // the server failed
  } else {
    reply.set_code(3);
  }
  return reply.bytes();
}

// Answers on 127.0.0.1:53 of the calling thread's namespace.
class NameServer {
 public:
  NameServer() : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_storage at{};
    const socklen_t length = Endpoint::parse("127.0.0.1:53")->to_sockaddr(at);
    REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&at), length) == 0);
    thread_ = std::thread([this] { run(); });
  }
  ~NameServer() {
    stop_ = true;
    thread_.join();
  }

 private:
  void run() {
    while (!stop_) {
      pollfd readable{socket_.get(), POLLIN, 0};
      if (::poll(&readable, 1, 10) != 1) continue;
      std::vector<std::uint8_t> query(512);
      sockaddr_storage from{};
      socklen_t length = sizeof from;
      const ssize_t got = ::recvfrom(socket_.get(), query.data(), query.size(), 0,
                                     reinterpret_cast<sockaddr*>(&from), &length);
      if (got < 17) continue;
      query.resize(static_cast<std::size_t>(got));
      const auto reply = answer(query);
      ::sendto(socket_.get(), reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from),
               length);
    }
  }

  Fd socket_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// A network and a resolv.conf of the thread's own.
bool enter(const std::string& resolv_conf) {
  return unshare(CLONE_NEWNET | CLONE_NEWNS) == 0 && test::set_up("lo", true) &&
         mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         mount(resolv_conf.c_str(), "/etc/resolv.conf", nullptr, MS_BIND, nullptr) == 0;
}

}  // namespace

TEST_CASE("system resolver: addresses, services and texts, and what is not there") {
  const test::TemporaryDirectory directory;
  std::ofstream(directory / "resolv.conf")
      << "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n";
  if (!test::in_thread([&] { return enter(directory / "resolv.conf"); }, [] {})) {
    XM_SKIP("no permission to make network and mount namespaces (needs CAP_SYS_ADMIN)");
  }
  test::in_thread(
      [&] { return enter(directory / "resolv.conf"); },
      [] {
        const NameServer server;
        const auto resolver = system_resolver();
        const auto addresses = resolver->addresses("a.example.net");
        REQUIRE_MESSAGE(addresses.ok(), addresses.error().what);
        CHECK(addresses.value().size() == 2);
        CHECK(std::count(addresses.value().begin(), addresses.value().end(),
                         *IpAddress::parse("192.0.2.1")) == 1);
        CHECK(std::count(addresses.value().begin(), addresses.value().end(),
                         *IpAddress::parse("2001:db8::1")) == 1);

        const auto services = resolver->records("_xdp-mesh._udp.example.net", RecordType::srv);
        REQUIRE_MESSAGE(services.ok(), services.error().what);
        CHECK(services_in(services.value()) ==
              std::vector<Service>{{"a.example.net", 51820, 1, 1}});
        const auto texts = resolver->records("a.example.net", RecordType::txt);
        REQUIRE(texts.ok());
        CHECK(text_values_in(texts.value(), "k") == std::vector<std::string>{"xm1aaaa"});

        // No such name, and no such record, are answers.
        for (const char* name : {"none.example.net", "_xdp-mesh._udp.example.net"}) {
          const auto none = resolver->records(name, RecordType::txt);
          REQUIRE_MESSAGE(none.ok(), none.error().what);
          CHECK(none.value().empty());
        }
        const auto unknown = resolver->addresses("none.example.net");
        REQUIRE_FALSE(unknown.ok());
        CHECK(unknown.error().what.starts_with("none.example.net: "));
        const auto failed = resolver->records("broken.example.net", RecordType::srv);
        REQUIRE_FALSE(failed.ok());
        CHECK(failed.error().what == "broken.example.net: no name server gave an answer");
      });
}
