#include "agent/nat/stun_client.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <string>

#include "tests/support/seeded_random.hpp"
#include "tests/unit/nat/stun_samples.hpp"

namespace xm {
namespace {

using Stage = StunServerState::Stage;
using test::ByteVector;
using test::kErrorResponse;
using test::kSuccess;
using test::StunBuilder;

constexpr Instant kStart{1'000'000'000'000};
constexpr auto kV4 = IpAddress::Family::v4;
constexpr auto kV6 = IpAddress::Family::v6;

Endpoint at(std::string_view text) {
  return *Endpoint::parse(text);
}

const Endpoint kOne = at("192.0.2.1:3478");
const Endpoint kTwo = at("192.0.2.2:3478");
const Endpoint kSix = at("[2001:db8::1]:3478");

// A client, the servers that answer it, and what they see, under virtual time.
struct StunWorld {
  test::SeededRandom random{7};
  StunClient client{random};
  Instant now = kStart;
  std::map<Endpoint, Endpoint> seen_by;  // a server that is not in it does not answer
  std::vector<StunClient::Send> sent;
  std::vector<Instant> sent_at;
  unsigned changes = 0;

  void serve(const std::vector<Endpoint>& servers) {
    client.set_servers(servers, now);
    settle();
  }
  // Carries out what the client wants, and what follows from that.
  void settle() {
    for (auto actions = client.take_actions(); !actions.empty(); actions = client.take_actions()) {
      for (const auto& action : actions) {
        if (std::holds_alternative<StunClient::MappingChanged>(action)) {
          ++changes;
          continue;
        }
        const auto& send = std::get<StunClient::Send>(action);
        sent.push_back(send);
        sent_at.push_back(now);
        const auto server = seen_by.find(send.to);
        if (server == seen_by.end()) continue;
        client.receive(answer(send, server->second), send.to, now);
      }
    }
  }
  static StunTransaction transaction_of(const StunClient::Send& send) {
    StunTransaction transaction{};
    std::copy_n(send.bytes.begin() + 8, transaction.size(), transaction.begin());
    return transaction;
  }
  static ByteVector answer(const StunClient::Send& send, const Endpoint& mapped) {
    return StunBuilder(kSuccess, transaction_of(send)).mapped(mapped).fingerprint().bytes();
  }
  void run_until(Instant end) {
    while (client.next_deadline() <= end) {
      now = std::max(now, client.next_deadline());
      client.on_timers(now);
      settle();
    }
    now = end;
  }
  StunServerState state(const Endpoint& server) const {
    for (const StunServerState& state : client.servers()) {
      if (state.server == server) return state;
    }
    FAIL("no such server");
    return {};
  }
};

TEST_CASE("stun client: without servers it does nothing and knows nothing") {
  StunWorld world;
  CHECK(world.client.next_deadline() == kFarFuture);
  world.client.network_changed(world.now);
  world.settle();
  CHECK(world.sent.empty());
  CHECK(world.client.mapping(kV4) == NatMapping::unknown);
  CHECK(world.client.mapped(kV6).empty());
}

TEST_CASE("stun client: an unanswered request is repeated by the RFC's schedule, then given up") {
  StunWorld world;
  world.serve({kOne});
  world.run_until(kStart + 39'499ms);
  REQUIRE(world.sent.size() == 7);
  const std::array<Duration, 7> schedule{0ms, 500ms, 1500ms, 3500ms, 7500ms, 15500ms, 31500ms};
  for (std::size_t i = 0; i < schedule.size(); ++i) {
    CHECK(world.sent_at[i] == kStart + schedule[i]);
    CHECK(world.sent[i].bytes == world.sent[0].bytes);  // one transaction
    CHECK(world.sent[i].to == kOne);
  }
  CHECK(world.state(kOne).stage == Stage::asking);
  world.run_until(kStart + 39'500ms);
  CHECK(world.state(kOne).stage == Stage::failed);
  CHECK(world.state(kOne).failure == "it does not answer (7 requests in 40 s)");
  // And asked again later, in another transaction.
  world.run_until(kStart + 100s);
  CHECK(world.sent.size() > 7);
  CHECK(world.sent[7].bytes != world.sent[0].bytes);
}

TEST_CASE("stun client: two servers that see one endpoint show an endpoint-independent mapping") {
  StunWorld world;
  const Endpoint mapped = at("203.0.113.9:40000");
  world.seen_by = {{kOne, mapped}, {kTwo, mapped}};
  world.client.set_local({at("10.0.0.5:1").address});
  world.serve({kOne, kTwo});
  CHECK(world.client.mapping(kV4) == NatMapping::endpoint_independent);
  CHECK(world.client.mapped(kV4) == std::vector<Endpoint>{mapped});
  CHECK(world.client.mapping(kV6) == NatMapping::unknown);
  CHECK(world.changes == 2);  // an address, then what two of them say
  CHECK(world.state(kOne).stage == Stage::answered);
}

TEST_CASE("stun client: two servers that see two endpoints show an address-dependent mapping") {
  StunWorld world;
  world.seen_by = {{kOne, at("203.0.113.9:40000")}, {kTwo, at("203.0.113.9:40001")}};
  world.serve({kOne, kTwo});
  CHECK(world.client.mapping(kV4) == NatMapping::address_dependent);
  CHECK(world.client.mapped(kV4).size() == 2);
}

TEST_CASE("stun client: one server, or two ports of one, leave the mapping unknown") {
  StunWorld world;
  const Endpoint other_port = at("192.0.2.1:3479");
  world.seen_by = {{kOne, at("203.0.113.9:40000")}, {other_port, at("203.0.113.9:40000")}};
  world.serve({kOne, other_port});
  CHECK(world.client.mapping(kV4) == NatMapping::unknown);
  CHECK(world.client.mapped(kV4).size() == 1);
  // Another endpoint for another port of the same server is as bad as one for another address.
  world.seen_by[other_port] = at("203.0.113.9:40001");
  world.client.network_changed(world.now);
  world.settle();
  CHECK(world.client.mapping(kV4) == NatMapping::address_dependent);
}

TEST_CASE("stun client: what is seen is an address of our own: there is no NAT") {
  StunWorld world;
  world.seen_by = {{kOne, at("198.51.100.7:51820")}, {kSix, at("[2001:db8:1::7]:51820")}};
  world.serve({kOne, kSix});
  CHECK(world.client.mapping(kV4) == NatMapping::unknown);
  world.client.set_local({at("198.51.100.7:1").address, at("[2001:db8:1::7]:1").address});
  CHECK(world.client.mapping(kV4) == NatMapping::none);
  CHECK(world.client.mapping(kV6) == NatMapping::none);
  world.client.set_local({});
  CHECK(world.client.mapping(kV4) == NatMapping::unknown);
}

TEST_CASE("stun client: a server on our side of the NAT does not hide it") {
  StunWorld world;
  world.client.set_local({at("10.0.0.5:1").address});
  const Endpoint inside = at("10.0.0.1:3478");
  const Endpoint mapped = at("203.0.113.9:40000");
  world.seen_by = {{inside, at("10.0.0.5:51820")}, {kOne, mapped}, {kTwo, mapped}};
  world.serve({inside, kOne, kTwo});
  CHECK(world.client.mapping(kV4) == NatMapping::endpoint_independent);
}

TEST_CASE("stun client: only the server asked can answer, and only the transaction at hand") {
  StunWorld world;
  world.serve({kOne});
  REQUIRE(world.sent.size() == 1);
  const ByteVector answer = StunWorld::answer(world.sent[0], at("203.0.113.9:1"));
  world.client.receive(answer, kTwo, world.now);
  world.client.receive(answer, at("192.0.2.1:3479"), world.now);
  ByteVector forged = StunBuilder(kSuccess, {1, 2, 3}).mapped(at("203.0.113.9:1")).bytes();
  world.client.receive(forged, kOne, world.now);
  CHECK(world.client.counters().unexpected == 3);
  world.client.receive(Bytes(answer).first(30), kOne, world.now);
  CHECK(world.client.counters().malformed == 1);
  CHECK(world.client.mapped(kV4).empty());
  CHECK(world.client.take_actions().empty());

  world.client.receive(answer, kOne, world.now);
  CHECK(world.client.mapped(kV4).size() == 1);
  world.client.receive(answer, kOne, world.now);  // and once only
  CHECK(world.client.counters().unexpected == 4);
}

TEST_CASE("stun client: transactions are random and none is used twice") {
  StunWorld world;
  world.seen_by = {{kOne, at("203.0.113.9:1")}};
  world.serve({kOne});
  for (int i = 0; i < 50; ++i) world.run_until(world.now + 30s);
  REQUIRE(world.sent.size() > 50);
  std::map<StunRequest, int> times;
  for (const auto& send : world.sent) ++times[send.bytes];
  CHECK(times.size() == world.sent.size());
}

TEST_CASE("stun client: behind a NAT it asks before a mapping of 30 s ends, without one rarely") {
  StunWorld world;
  world.seen_by = {{kOne, at("203.0.113.9:40000")}};
  world.serve({kOne});
  world.run_until(kStart + 600s);
  for (std::size_t i = 1; i < world.sent_at.size(); ++i) {
    CHECK(world.sent_at[i] - world.sent_at[i - 1] <= 29s);
    CHECK(world.sent_at[i] - world.sent_at[i - 1] >= 23s);
  }
  CHECK(world.sent.size() >= 20);

  StunWorld open;
  open.seen_by = {{kOne, at("198.51.100.7:51820")}};
  open.client.set_local({at("198.51.100.7:1").address});
  open.serve({kOne});
  open.run_until(kStart + 600s);
  CHECK(open.sent.size() <= 3);
  CHECK(open.sent.size() >= 2);
}

TEST_CASE(
    "stun client: a mapping that moves is seen at the next refresh and the others are asked") {
  StunWorld world;
  const Endpoint before = at("203.0.113.9:40000");
  const Endpoint after = at("203.0.113.9:41000");
  world.seen_by = {{kOne, before}, {kTwo, before}};
  world.serve({kOne, kTwo});
  world.run_until(kStart + 10s);
  world.seen_by = {{kOne, after}, {kTwo, after}};
  world.changes = 0;
  world.run_until(kStart + 29s);
  CHECK(world.client.mapped(kV4) == std::vector<Endpoint>{after});
  // A mapping that moved is not taken for one that depends on the address.
  CHECK(world.client.mapping(kV4) == NatMapping::endpoint_independent);
  CHECK(world.changes == 2);
}

TEST_CASE("stun client: a NAT with a new port for every request does not make it ask faster") {
  StunWorld world;
  world.serve({kOne, kTwo});
  std::uint16_t port = 1000;
  const Instant end = kStart + 600s;
  while (world.now < end) {
    world.seen_by[kOne] = at("203.0.113.9:1");
    world.seen_by[kTwo] = at("203.0.113.9:1");
    world.seen_by[kOne].port = ++port;
    world.seen_by[kTwo].port = ++port;
    world.run_until(world.now + 100ms);
  }
  CHECK(world.sent.size() < 120);  // each refresh of one asks the other once more at most
  CHECK(world.client.mapping(kV4) == NatMapping::address_dependent);
}

TEST_CASE("stun client: a change of the network asks at once, and a burst of them once a second") {
  StunWorld world;
  world.seen_by = {{kOne, at("203.0.113.9:40000")}};
  world.serve({kOne});
  world.run_until(kStart + 10s);
  const std::size_t before = world.sent.size();
  world.seen_by = {{kOne, at("203.0.113.77:5")}};
  for (int i = 0; i < 100; ++i) {
    world.client.network_changed(world.now);
    world.settle();
    world.run_until(world.now + 10ms);
  }
  CHECK(world.sent.size() - before == 2);
  CHECK(world.client.mapped(kV4) == std::vector<Endpoint>{at("203.0.113.77:5")});
}

TEST_CASE("stun client: after a change of the network a silent server loses what it had said") {
  StunWorld world;
  world.seen_by = {{kOne, at("203.0.113.9:40000")}, {kTwo, at("203.0.113.9:40000")}};
  world.serve({kOne, kTwo});
  world.seen_by.clear();
  world.client.network_changed(world.now);
  world.settle();
  CHECK(world.client.mapped(kV4).size() == 1);
  CHECK(world.client.mapping(kV4) == NatMapping::endpoint_independent);
  world.run_until(world.now + 40s);
  CHECK(world.client.mapped(kV4).empty());
  CHECK(world.client.mapping(kV4) == NatMapping::unknown);
}

TEST_CASE("stun client: failures have a reason, and are tried again") {
  StunWorld world;
  world.serve({kOne, kTwo, kSix});
  REQUIRE(world.sent.size() == 3);
  const auto transaction = StunWorld::transaction_of(world.sent[0]);
  world.client.receive(StunBuilder(kErrorResponse, transaction).error(403, "Forbidden").bytes(),
                       kOne, world.now);
  CHECK(world.state(kOne).failure == "it refuses: 403 Forbidden");
  CHECK(world.state(kOne).heard);
  world.client.receive(StunWorld::answer(world.sent[1], at("[2001:db8::9]:1")), kTwo, world.now);
  CHECK(world.state(kTwo).failure == "its answer has an address of the other family");
  world.client.send_failed(kSix, EAGAIN, world.now);
  CHECK(world.state(kSix).stage == Stage::asking);
  world.client.send_failed(kSix, ENETUNREACH, world.now);
  CHECK(world.state(kSix).stage == Stage::failed);
  CHECK(world.state(kSix).failure == "it cannot be sent to: Network is unreachable");
  CHECK_FALSE(world.state(kSix).heard);
  world.seen_by = {{kSix, at("[2001:db8::9]:1")}};
  world.run_until(kStart + 60s);
  CHECK(world.state(kSix).stage == Stage::answered);
  CHECK(world.state(kSix).failure.empty());
  CHECK(world.client.mapped(kV6).size() == 1);
}

TEST_CASE("stun client: servers are replaced at run time and no more than eight are asked") {
  StunWorld world;
  world.seen_by = {{kOne, at("203.0.113.9:40000")}};
  world.serve({kOne, kOne, kTwo});
  CHECK(world.client.servers().size() == 2);
  const std::size_t before = world.sent.size();
  world.serve({kOne, kSix});
  CHECK(world.sent.size() == before + 1);  // the one that stays is not asked again
  CHECK(world.client.mapped(kV4).size() == 1);
  world.serve({kSix});
  CHECK(world.client.mapped(kV4).empty());
  std::vector<Endpoint> many;
  for (std::uint16_t port = 1; port < 100; ++port) {
    many.push_back(kOne);
    many.back().port = port;
  }
  world.serve(many);
  CHECK(world.client.servers().size() == StunClient::kMaxServers);
}

TEST_CASE("stun client: a round trip is measured where no repetition makes it doubtful") {
  StunWorld world;
  world.serve({kOne, kTwo});
  REQUIRE(world.sent.size() == 2);
  const ByteVector first = StunWorld::answer(world.sent[0], at("203.0.113.9:1"));
  const ByteVector second = StunWorld::answer(world.sent[1], at("203.0.113.9:1"));
  world.client.receive(first, kOne, kStart + 30ms);
  world.run_until(kStart + 600ms);
  world.client.receive(second, kTwo, kStart + 610ms);
  CHECK(world.state(kOne).rtt == 30ms);
  CHECK(world.state(kTwo).stage == Stage::answered);
  CHECK(world.state(kTwo).rtt == Duration(0));
}

}  // namespace
}  // namespace xm
