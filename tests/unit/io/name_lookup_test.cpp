#include "agent/io/name_lookup.hpp"

#include <doctest/doctest.h>
#include <poll.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/dns_answers.hpp"
#include "tests/support/fake_resolver.hpp"

using namespace xm;
using test::DnsAnswer;
using test::FakeResolver;
using test::NameWorld;

namespace {

IpAddress address(const char* text) {
  return *IpAddress::parse(text);
}
Endpoint endpoint(const char* text) {
  return *Endpoint::parse(text);
}

std::shared_ptr<NameWorld> make_world() {
  auto world = std::make_shared<NameWorld>();
  world->addresses["a.example"] = {address("192.0.2.1"), address("2001:db8::1")};
  world->addresses["b.example"] = {address("192.0.2.2")};
  DnsAnswer services("_xdp-mesh._udp.example", DnsAnswer::kSrv);
  services.add_service(2, 1, 7000, "b.example");
  services.add_service(1, 1, 51820, "a.example");
  services.add_service(3, 1, 1, "gone.example");
  world->services["_xdp-mesh._udp.example"] = services.bytes();
  DnsAnswer texts("a.example", DnsAnswer::kTxt);
  texts.add_text({"k=xm1aaaa", "other"});
  world->texts["a.example"] = texts.bytes();
  return world;
}

std::unique_ptr<NameLookup> start(const std::shared_ptr<NameWorld>& world) {
  auto lookup = NameLookup::create(std::make_unique<FakeResolver>(world));
  REQUIRE(lookup.ok());
  return std::move(lookup).value();
}

bool readable(const NameLookup& lookup, int milliseconds) {
  pollfd wanted{lookup.fd(), POLLIN, 0};
  return poll(&wanted, 1, milliseconds) == 1;
}

std::vector<NameResult> wait_for(NameLookup& lookup, std::size_t count) {
  std::vector<NameResult> results;
  while (results.size() < count && readable(lookup, 60'000)) {
    for (NameResult& result : lookup.take()) results.push_back(std::move(result));
  }
  REQUIRE(results.size() == count);
  return results;
}

}  // namespace

TEST_CASE("look-up: a host with a port has its addresses, and identities where they are wanted") {
  FakeResolver resolver(make_world());
  const NameResult plain = look_up({7, "a.example", 51820, false}, resolver);
  CHECK(plain.id == 7);
  CHECK(plain.fault.empty());
  REQUIRE(plain.targets.size() == 1);
  CHECK(plain.targets[0].endpoints ==
        std::vector<Endpoint>{endpoint("192.0.2.1:51820"), endpoint("[2001:db8::1]:51820")});
  CHECK(plain.targets[0].identities.empty());
  const NameResult wanted = look_up({7, "a.example", 51820, true}, resolver);
  REQUIRE(wanted.targets.size() == 1);
  CHECK(wanted.targets[0].identities == std::vector<std::string>{"xm1aaaa"});
}

TEST_CASE("look-up: a host without a port has what its SRV records name, in their order") {
  const auto world = make_world();
  FakeResolver resolver(world);
  const NameResult result = look_up({1, "example", 0, true}, resolver);
  REQUIRE(result.targets.size() == 2);
  CHECK(result.targets[0].host == "a.example");
  CHECK(result.targets[0].endpoints.front() == endpoint("192.0.2.1:51820"));
  CHECK(result.targets[0].identities == std::vector<std::string>{"xm1aaaa"});
  CHECK(result.targets[1].endpoints == std::vector<Endpoint>{endpoint("192.0.2.2:7000")});
  CHECK(result.targets[1].identities.empty());
  CHECK(result.fault == "gone.example: Name or service not known");
  CHECK(world->asked.front() == "srv _xdp-mesh._udp.example");
}

TEST_CASE("look-up: what is not found says what was expected") {
  FakeResolver resolver(make_world());
  const NameResult no_service = look_up({1, "b.example", 0, false}, resolver);
  CHECK(no_service.targets.empty());
  CHECK(no_service.fault ==
        "_xdp-mesh._udp.b.example: expected an SRV record, found none; or give a port");
  const NameResult no_host = look_up({1, "none.example", 1, false}, resolver);
  CHECK(no_host.targets.empty());
  CHECK(no_host.fault == "none.example: Name or service not known");
}

TEST_CASE("name lookup: results come by descriptor, while the asker goes on") {
  const auto world = make_world();
  world->set_held(true);
  const auto lookup = start(world);
  CHECK(lookup->ask({1, "a.example", 51820, true}));
  CHECK(lookup->ask({2, "none.example", 1, false}));
  world->wait_until_asked(1);
  CHECK_FALSE(readable(*lookup, 0));
  CHECK(lookup->take().empty());
  world->set_held(false);
  const auto results = wait_for(*lookup, 2);
  CHECK(results[0].id == 1);
  CHECK(results[0].targets.size() == 1);
  CHECK(results[1].id == 2);
  CHECK(results[1].fault == "none.example: Name or service not known");
  // The descriptor may tell of the second once more, when it was taken before it told.
  CHECK(lookup->take().empty());
}

TEST_CASE("name lookup: an address is answered at once, and nobody is asked") {
  const auto world = make_world();
  const auto lookup = start(world);
  CHECK(lookup->ask({1, "192.0.2.9", 5, true}));
  CHECK(lookup->ask({2, "2001:db8::9", 6, true}));
  CHECK(lookup->ask({3, "192.0.2.9", 0, true}));
  REQUIRE(readable(*lookup, 0));
  const auto results = lookup->take();
  REQUIRE(results.size() == 3);
  CHECK(results[0].targets[0].endpoints == std::vector<Endpoint>{endpoint("192.0.2.9:5")});
  CHECK(results[1].targets[0].endpoints == std::vector<Endpoint>{endpoint("[2001:db8::9]:6")});
  CHECK(results[2].fault == "192.0.2.9: expected a port with an address");
  CHECK(world->asked.empty());
}

TEST_CASE("name lookup: the queue is bounded, and has room again when results are taken") {
  const auto world = make_world();
  world->set_held(true);
  const auto lookup = start(world);
  for (std::uint64_t id = 0; id < NameLookup::kMaxPending; ++id) {
    REQUIRE(lookup->ask({id, "b.example", 1, false}));
  }
  CHECK_FALSE(lookup->ask({99, "b.example", 1, false}));
  CHECK_FALSE(lookup->ask({99, "192.0.2.9", 1, false}));
  world->set_held(false);
  wait_for(*lookup, NameLookup::kMaxPending);
  CHECK(lookup->ask({99, "b.example", 1, false}));
  CHECK(wait_for(*lookup, 1)[0].id == 99);
}

TEST_CASE("name lookup: ends while a resolver is slow, and cleans up when that answers") {
  const auto world = make_world();
  world->set_held(true);
  auto lookup = start(world);
  REQUIRE(lookup->ask({1, "a.example", 1, false}));
  REQUIRE(lookup->ask({2, "b.example", 1, false}));
  world->wait_until_asked(1);
  lookup.reset();  // would wait for ever if it waited
  CHECK_FALSE(world->gone);
  world->set_held(false);
  world->wait_until_gone();
  CHECK(world->asked == std::vector<std::string>{"a a.example"});

  auto idle = start(make_world());
  idle.reset();
}
