#include "agent/cli/netcheck.hpp"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <fstream>
#include <map>
#include <string>

#include "agent/cli/netcheck_sockets.hpp"
#include "agent/cli/options.hpp"
#include "tests/support/seeded_random.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/cli/captured.hpp"
#include "tests/unit/nat/stun_samples.hpp"

namespace xm {
namespace {

using Family = IpAddress::Family;

Endpoint at(std::string_view text) {
  return *Endpoint::parse(text);
}

// A network in memory: what names mean, what servers see, where nothing can be sent.
class FakeNetwork final : public NetcheckEdge {
 public:
  std::map<std::string, std::vector<IpAddress>> names;
  std::map<Endpoint, Endpoint> seen_by;
  std::map<Family, int> refused;
  std::vector<LocalAddress> addresses;

  [[nodiscard]] Result<std::vector<IpAddress>> resolve(const std::string& host) override {
    if (const auto address = IpAddress::parse(host)) return std::vector<IpAddress>{*address};
    if (!names.contains(host)) return Error{host + ": no such name"};
    return names.at(host);
  }
  [[nodiscard]] Result<std::vector<LocalAddress>> local() override { return addresses; }
  [[nodiscard]] std::string route_fault(const Endpoint& to) override {
    return refused.contains(to.address.family) ? "Network is unreachable" : "";
  }
  [[nodiscard]] int send(const Endpoint& to, Bytes datagram) override {
    if (const auto error = refused.find(to.address.family); error != refused.end()) {
      return error->second;
    }
    ++sent;
    const auto server = seen_by.find(to);
    if (server == seen_by.end()) return 0;
    StunTransaction transaction{};
    std::copy_n(datagram.begin() + 8, transaction.size(), transaction.begin());
    waiting_.push_back(
        {test::StunBuilder(test::kSuccess, transaction).mapped(server->second).bytes(), to});
    return 0;
  }
  [[nodiscard]] std::optional<Received> receive(Instant deadline) override {
    if (waiting_.empty()) {
      now_ = std::max(now_, deadline);
      return {};
    }
    now_ = now_ + 10ms;
    Received first = waiting_.front();
    waiting_.pop_front();
    return first;
  }
  [[nodiscard]] Instant now() override { return now_; }

  void add_local(const char* interface, const char* address) {
    const IpAddress parsed = *IpAddress::parse(address);
    addresses.push_back({parsed, Prefix::of(parsed, 24), interface});
  }
  [[nodiscard]] Duration passed() const { return now_ - kStart; }

  unsigned sent = 0;

 private:
  static constexpr Instant kStart{1'000'000'000'000};
  Instant now_ = kStart;
  std::deque<Received> waiting_;
};

NetcheckReport check(FakeNetwork& network, const std::vector<const char*>& servers) {
  test::SeededRandom random;
  std::vector<HostPort> parsed;
  for (const char* server : servers) parsed.push_back(*HostPort::parse(server));
  auto report = check_network(parsed, {*Prefix::parse("100.64.0.0/10")}, network, random);
  REQUIRE(report.ok());
  return std::move(report).value();
}

struct Ran {
  int exit_code = 0;
  std::string out;
  std::string err;
};

Ran run(FakeNetwork& network, const NetcheckCommand& command) {
  test::Captured captured;
  Ran ran;
  ran.exit_code = run_netcheck(command, network, captured.out(), captured.err());
  ran.out = captured.out_text();
  ran.err = captured.err_text();
  return ran;
}

NetcheckCommand asking(const std::vector<const char*>& servers) {
  NetcheckCommand command;
  for (const char* server : servers) command.stun.push_back(*HostPort::parse(server));
  return command;
}

bool contains(const std::string& text, std::string_view words) {
  return text.find(words) != std::string::npos;
}

TEST_CASE("netcheck: behind a NAT, with two servers, both families") {
  FakeNetwork network;
  network.names["stun.example.org"] = {*IpAddress::parse("2001:db8::1"),
                                       *IpAddress::parse("192.0.2.1"),
                                       *IpAddress::parse("192.0.2.3")};
  network.add_local("eth0", "10.0.0.5");
  network.add_local("eth0", "2001:db8:1::5");
  network.add_local("eth0", "fe80::5");
  network.add_local("wg0", "100.64.0.9");
  network.seen_by = {{at("192.0.2.1:3478"), at("203.0.113.9:40000")},
                     {at("192.0.2.2:3478"), at("203.0.113.9:40000")},
                     {at("[2001:db8::1]:3478"), at("[2001:db8:1::5]:50000")}};
  const NetcheckReport report = check(network, {"stun.example.org:3478", "192.0.2.2:3478"});
  CHECK(udp_verdict(report, Family::v4) == UdpVerdict::works);
  CHECK(udp_verdict(report, Family::v6) == UdpVerdict::works);
  CHECK(report.of(Family::v4).mapping == NatMapping::endpoint_independent);
  CHECK(report.of(Family::v6).mapping == NatMapping::none);
  CHECK(report.servers.size() == 3);
  CHECK(report.local.size() == 2);
  CHECK(netcheck_advice(report).empty());
  const std::string text = netcheck_text(report);
  CHECK(contains(text, "IPv4:\n  UDP: works\n  NAT: endpoint-independent"));
  CHECK(contains(text, "seen as: 203.0.113.9:40000"));
  CHECK(contains(text, "stun.example.org:3478 (192.0.2.1:3478): sees 203.0.113.9:40000, 20.0 ms"));
  CHECK(contains(text, "eth0: 10.0.0.5 (private)"));
  CHECK_FALSE(contains(text, "what to do"));
}

TEST_CASE("netcheck: where UDP is blocked it says so within seconds, and what to do") {
  FakeNetwork network;
  const Ran ran = run(network, asking({"192.0.2.1:3478", "192.0.2.2:3478"}));
  CHECK(ran.exit_code == 1);
  CHECK(contains(ran.out, "IPv4:\n  UDP: blocked"));
  CHECK(contains(ran.out, "it does not answer (4 requests in 6 s)"));
  CHECK(contains(ran.out, "let UDP out to 192.0.2.1:3478"));
  CHECK(contains(ran.out, "IPv6:\n  UDP: has a way out; no server was asked"));
  CHECK(network.sent == 8);
  CHECK(network.passed() <= 6s);
}

TEST_CASE("netcheck: a family without a route is not called blocked") {
  FakeNetwork network;
  network.refused = {{Family::v6, ENETUNREACH}};
  network.seen_by = {{at("192.0.2.1:3478"), at("203.0.113.9:40000")}};
  const NetcheckReport report = check(network, {"192.0.2.1:3478", "[2001:db8::1]:3478"});
  CHECK(udp_verdict(report, Family::v6) == UdpVerdict::no_route);
  CHECK(network_serves(report));
  const std::string text = netcheck_text(report);
  CHECK(contains(text, "UDP: no way out (Network is unreachable)"));
  CHECK(contains(text, "it cannot be sent to: Network is unreachable"));
  CHECK(contains(text, "IPv4: name a second server, at another address"));

  network.refused[Family::v4] = ENETUNREACH;
  CHECK(contains(netcheck_text(check(network, {})), "give it a default route"));
}

TEST_CASE("netcheck: a mapping that depends on the address has its advice") {
  FakeNetwork network;
  network.seen_by = {{at("192.0.2.1:3478"), at("203.0.113.9:40000")},
                     {at("192.0.2.2:3478"), at("203.0.113.9:40001")}};
  const Ran ran = run(network, asking({"192.0.2.1:3478", "192.0.2.2:3478"}));
  CHECK(ran.exit_code == 0);
  CHECK(contains(ran.out, "NAT: address-dependent"));
  CHECK(contains(ran.out, "two machines behind such NATs need IPv6"));
}

TEST_CASE("netcheck: without servers, or with names that are none, it says what is missing") {
  FakeNetwork network;
  const Ran none = run(network, {});
  CHECK(none.exit_code == 1);
  CHECK(contains(none.out, "name two STUN servers"));
  CHECK(contains(none.out, "none: but loopback and link-local ones"));
  const Ran nameless = run(network, asking({"nowhere.example.org:3478"}));
  CHECK(nameless.exit_code == 1);
  CHECK(contains(nameless.out, "nowhere.example.org:3478: nowhere.example.org: no such name"));
  CHECK(contains(nameless.out, "check the names and the name service"));
  const Ran many = run(
      network, asking({"192.0.2.1:1", "192.0.2.1:2", "192.0.2.1:3", "192.0.2.1:4", "192.0.2.1:5",
                       "192.0.2.1:6", "192.0.2.1:7", "192.0.2.1:8", "192.0.2.1:9"}));
  CHECK(many.exit_code == 1);
  CHECK(contains(many.err, "expected STUN servers with at most 8 addresses in all, got 9"));
}

TEST_CASE("netcheck: JSON has the same in one line") {
  FakeNetwork network;
  network.add_local("eth0", "10.0.0.5");
  network.seen_by = {{at("192.0.2.1:3478"), at("203.0.113.9:40000")}};
  NetcheckCommand command = asking({"192.0.2.1:3478", "192.0.2.2:3478"});
  command.json = true;
  const Ran ran = run(network, command);
  CHECK(ran.exit_code == 0);
  CHECK(std::count(ran.out.begin(), ran.out.end(), '\n') == 1);
  for (const char* words :
       {R"({"schema_version":1,"netcheck":{"serves":true,"ipv4":{"udp":"works")",
        R"("mapping":"unknown","mapped":["203.0.113.9:40000"])", R"("udp":"unchecked")",
        R"("name":"192.0.2.2:3478","address":"192.0.2.2:3478","answered":false,"mapped":null)",
        R"("local":[{"interface":"eth0","address":"10.0.0.5","private":true}])",
        R"("advice":[")"}) {
    CHECK_MESSAGE(contains(ran.out, words), words);
  }
}

TEST_CASE("netcheck: servers come from the interface's configuration, beside those named") {
  const test::TemporaryDirectory directory;
  std::ofstream(directory / "mesh0.toml")
      << "mesh = \"home\"\nipv4_prefix = \"10.77.0.0/16\"\n[stun]\nservers = "
         "[\"192.0.2.1:3478\"]\n";
  FakeNetwork network;
  network.add_local("mesh0", "10.77.0.9");
  network.add_local("eth0", "10.0.0.5");
  network.seen_by = {{at("192.0.2.1:3478"), at("203.0.113.9:40000")},
                     {at("192.0.2.2:3478"), at("203.0.113.9:40000")}};
  NetcheckCommand command = asking({"192.0.2.2:3478"});
  command.what = "mesh0";
  command.directory = directory.path();
  const Ran ran = run(network, command);
  CHECK(ran.err == "");
  CHECK(ran.exit_code == 0);
  CHECK(contains(ran.out, "NAT: endpoint-independent"));
  CHECK(contains(ran.out, "10.0.0.5"));
  CHECK_FALSE(contains(ran.out, "10.77.0.9"));
  command.what = "mesh1";
  const Ran missing = run(network, command);
  CHECK(missing.exit_code == 1);
  CHECK(contains(missing.err, "mesh1.toml"));
}

// --- the machine's own sockets ---

TEST_CASE("netcheck sockets: a request reaches a server on this machine, and its answer us") {
  const Fd server(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_storage name{};
  REQUIRE(::bind(server.get(), reinterpret_cast<const sockaddr*>(&name),
                 at("127.0.0.1:0").to_sockaddr(name)) == 0);
  socklen_t length = sizeof name;
  REQUIRE(::getsockname(server.get(), reinterpret_cast<sockaddr*>(&name), &length) == 0);
  const Endpoint server_at = Endpoint::from_sockaddr(name);

  NetcheckSockets sockets;
  const StunRequest request = binding_request({1, 2, 3});
  CHECK(sockets.route_fault(server_at).empty());
  REQUIRE(sockets.send(server_at, request) == 0);
  std::array<std::uint8_t, 100> bytes{};
  length = sizeof name;
  REQUIRE(::recvfrom(server.get(), bytes.data(), bytes.size(), 0,
                     reinterpret_cast<sockaddr*>(&name), &length) == 20);
  REQUIRE(::sendto(server.get(), bytes.data(), 20, 0, reinterpret_cast<const sockaddr*>(&name),
                   length) == 20);
  const auto received = sockets.receive(sockets.now() + 10s);
  REQUIRE(received);
  CHECK(received->from == server_at);
  CHECK(std::equal(received->bytes.begin(), received->bytes.end(), request.begin(), request.end()));
  CHECK_FALSE(sockets.receive(sockets.now()));
}

TEST_CASE("netcheck sockets: an address needs no name service") {
  NetcheckSockets sockets;
  CHECK(sockets.resolve("192.0.2.1").value() ==
        std::vector<IpAddress>{*IpAddress::parse("192.0.2.1")});
  CHECK(sockets.resolve("2001:db8::1").value().front().is_v6());
}

// --- the command line ---

Command parse(const std::vector<std::string>& arguments) {
  return parse_command_line(arguments, [](const char* name) -> std::optional<std::string> {
    if (std::string_view(name) == "HOME") return "/home/someone";
    return std::nullopt;
  });
}

TEST_CASE("netcheck: its command line") {
  const auto plain = std::get<NetcheckCommand>(parse({"netcheck"}));
  CHECK(plain.what.empty());
  CHECK(plain.stun.empty());
  const auto full =
      std::get<NetcheckCommand>(parse({"netcheck", "mesh0", "--stun", "a.example:1", "--stun",
                                       "[2001:db8::1]:2", "--dir", "/etc/x", "--json"}));
  CHECK(full.what == "mesh0");
  CHECK(full.directory == "/etc/x");
  CHECK(full.json);
  REQUIRE(full.stun.size() == 2);
  CHECK(full.stun[1].host == "2001:db8::1");
  CHECK_FALSE(std::get<NetcheckCommand>(parse({"netcheck", "mesh0"})).directory.empty());
  const auto wrong = std::get<Message>(parse({"netcheck", "--stun", "192.0.2.1"}));
  CHECK(wrong.exit_code == 2);
  CHECK(contains(wrong.text, "--stun: expected HOST:PORT"));
  CHECK(contains(std::get<Message>(parse({"netcheck", "--help"})).text, "--stun"));
}

}  // namespace
}  // namespace xm
