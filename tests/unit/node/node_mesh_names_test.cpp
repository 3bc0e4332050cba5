#include "agent/node_mesh_names.hpp"

#include <doctest/doctest.h>
#include <poll.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/fake_resolver.hpp"

namespace xm {
namespace {

using test::FakeResolver;
using test::NameWorld;

constexpr Instant kStart{1'000'000'000};

// Names of a configuration, the name service, and how often that was asked.
struct Lab {
  Lab() {
    config.resolve_seconds = 300;
    auto made = MeshNames::create(std::make_unique<FakeResolver>(world));
    REQUIRE(made.ok());
    names = std::move(*made);
  }
  void seed(const std::string& text) {
    const auto parsed = Seed::parse(text);
    REQUIRE(parsed.ok());
    config.seeds.push_back(parsed.value());
  }
  void knows(const std::string& host, const std::string& address) const {
    const std::lock_guard lock(world->mutex);
    world->addresses[host] = {IpAddress::parse(address).value()};
  }
  // Takes that many answers.
  void answers(std::size_t wanted, Instant now) const {
    for (std::size_t taken = 0; taken < wanted;) {
      pollfd names_fd{names->fd(), POLLIN, 0};
      REQUIRE(::poll(&names_fd, 1, 5'000) == 1);
      const MeshNames::News news = names->take(now);
      taken += news.seeds.size() + news.peers.size() + (news.servers ? 1 : 0);
    }
  }
  [[nodiscard]] std::ptrdiff_t times_asked(const std::string& host) const {
    const std::lock_guard lock(world->mutex);
    return std::count(world->asked.begin(), world->asked.end(), "a " + host);
  }

  std::shared_ptr<NameWorld> world = std::make_shared<NameWorld>();
  MeshConfig config;
  std::unique_ptr<MeshNames> names;
};

}  // namespace

TEST_CASE("mesh names: what was found is asked for again at the interval") {
  Lab lab;
  lab.knows("gate.example", "192.0.2.1");
  lab.seed("gate.example:51820");
  lab.names->set(lab.config, kStart);
  lab.answers(1, kStart + 1s);
  CHECK(lab.names->faults().empty());
  CHECK(lab.names->next_deadline() == kStart + 300s);
  lab.knows("gate.example", "192.0.2.2");
  lab.names->on_timers(kStart + 299s);
  CHECK(lab.times_asked("gate.example") == 1);
  lab.names->on_timers(kStart + 300s);
  lab.answers(1, kStart + 300s);
  CHECK(lab.times_asked("gate.example") == 2);
  CHECK(lab.names->seeds()[0].places.at(0).endpoint.to_string() == "192.0.2.2:51820");
}

TEST_CASE("mesh names: a seed that was not found is asked for again soon, until it is") {
  Lab lab;
  lab.seed("gate.example:51820");
  lab.names->set(lab.config, kStart);
  lab.answers(1, kStart + 1s);
  CHECK(lab.names->faults().size() == 1);
  CHECK(lab.names->next_deadline() == kStart + 11s);
  lab.names->on_timers(kStart + 11s);
  lab.answers(1, kStart + 12s);
  CHECK(lab.times_asked("gate.example") == 2);
  CHECK(lab.names->next_deadline() == kStart + 22s);
  lab.knows("gate.example", "192.0.2.1");
  lab.names->on_timers(kStart + 22s);
  lab.answers(1, kStart + 23s);
  CHECK(lab.names->faults().empty());
  CHECK(lab.names->next_deadline() == kStart + 300s);
}

TEST_CASE("mesh names: so are a STUN server and a static peer") {
  for (const bool is_server : {true, false}) {
    CAPTURE(is_server);
    Lab lab;
    const HostPort lost{"lost.example", 3478};
    if (is_server) {
      lab.config.stun_servers = {lost};
    } else {
      lab.config.peers.emplace_back().endpoint = lost;
    }
    lab.names->set(lab.config, kStart);
    lab.world->wait_until_asked(1);
    pollfd names_fd{lab.names->fd(), POLLIN, 0};
    REQUIRE(::poll(&names_fd, 1, 5'000) == 1);
    (void)lab.names->take(kStart);
    CHECK(lab.names->next_deadline() == kStart + 10s);
  }
}

TEST_CASE("mesh names: only what was not found is asked for again soon") {
  Lab lab;
  lab.knows("mesh.example", "192.0.2.1");
  lab.seed("mesh.example:51820");
  lab.config.stun_servers = {HostPort{"lost.example", 3478}};
  lab.names->set(lab.config, kStart);
  lab.answers(2, kStart);
  for (Instant now = kStart + 10s; now < kStart + 50s; now = now + 10s) {
    REQUIRE(lab.names->next_deadline() == now);
    lab.names->on_timers(now);
    lab.answers(1, now);
  }
  CHECK(lab.times_asked("lost.example") == 5);
  CHECK(lab.times_asked("mesh.example") == 1);
  CHECK(lab.names->faults().size() == 1);
}

TEST_CASE("mesh names: with nobody there the seeds' names are asked for again soon") {
  Lab lab;
  lab.knows("mesh.example", "192.0.2.1");
  lab.seed("mesh.example:51820");
  lab.names->set(lab.config, kStart);
  lab.answers(1, kStart);
  lab.names->ask_soon(kStart + 5s);
  CHECK(lab.names->next_deadline() == kStart + 15s);
  // Who asks for it again puts it off no further.
  lab.names->ask_soon(kStart + 14s);
  CHECK(lab.names->next_deadline() == kStart + 15s);
  lab.names->on_timers(kStart + 15s);
  lab.answers(1, kStart + 15s);
  CHECK(lab.times_asked("mesh.example") == 2);
  CHECK(lab.names->next_deadline() == kStart + 300s);
}

TEST_CASE("mesh names: an address that is no name is not asked for again soon") {
  Lab lab;
  lab.seed("192.0.2.1:51820");
  lab.names->set(lab.config, kStart);
  lab.answers(1, kStart);
  lab.names->ask_soon(kStart + 5s);
  CHECK(lab.names->next_deadline() == kStart + 300s);
}

TEST_CASE("mesh names: a static peer whose place is another has moved until it is put there") {
  Lab lab;
  lab.knows("old.example", "192.0.2.1");
  lab.knows("new.example", "192.0.2.2");
  lab.config.peers.emplace_back().endpoint = HostPort{"old.example", 51820};
  lab.names->set(lab.config, kStart);
  lab.answers(1, kStart);
  CHECK_FALSE(lab.names->peers()[0].has_moved);
  lab.config.peers[0].endpoint = HostPort{"new.example", 51820};
  lab.names->set(lab.config, kStart);
  lab.answers(1, kStart);
  CHECK(lab.names->peers()[0].endpoint.to_string() == "192.0.2.2:51820");
  CHECK(lab.names->peers()[0].has_moved);
  lab.names->set(lab.config, kStart + 1s);
  lab.answers(1, kStart + 1s);
  lab.names->on_timers(kStart + 301s);
  lab.answers(1, kStart + 301s);
  CHECK(lab.names->peers()[0].has_moved);
  lab.names->placed(0);
  lab.names->set(lab.config, kStart + 302s);
  lab.answers(1, kStart + 302s);
  CHECK_FALSE(lab.names->peers()[0].has_moved);
}

TEST_CASE("mesh names: a resolver that has not answered is not asked once more") {
  Lab lab;
  lab.world->set_held(true);
  lab.seed("gate.example:51820");
  lab.seed("other.example:51820");
  lab.names->set(lab.config, kStart);
  lab.world->wait_until_asked(1);
  lab.names->on_timers(kStart + 300s);
  lab.names->on_timers(kStart + 310s);
  lab.world->set_held(false);
  lab.answers(2, kStart + 311s);
  CHECK(lab.times_asked("gate.example") == 1);
  CHECK(lab.times_asked("other.example") == 1);
  CHECK(lab.names->next_deadline() == kStart + 320s);
  lab.names->on_timers(kStart + 320s);
  lab.answers(2, kStart + 321s);
  CHECK(lab.times_asked("gate.example") == 2);
}

}  // namespace xm
