#include "agent/node_rx_choice.hpp"

#include <doctest/doctest.h>

namespace xm {
namespace {

constexpr RxAbilities kNative{.has_sockets = true, .native = true, .zero_copy = false};
constexpr RxAbilities kNativeWithGro{
    .has_sockets = true, .native = true, .zero_copy = false, .gro = true};
constexpr RxAbilities kGeneric{.has_sockets = true, .native = false, .zero_copy = false};

// A quarter of a second of 100,000 datagrams a second at so many nanoseconds each.
RxSample load(std::int64_t nanoseconds_each, std::uint64_t lost = 0) {
  return {.interval = 250ms,
          .datagrams = 25'000,
          .receive_batches = 1'000,
          .lost = lost,
          .cpu = Duration(25'000 * nanoseconds_each)};
}

// What a machine shows whose paths cost this much; returns how many samples the socket path had.
int run(RxChooser& chooser, std::int64_t socket_cost, std::int64_t xdp_cost, int samples) {
  int on_socket = 0;
  for (int i = 0; i < samples; ++i) {
    const bool socket = chooser.path() == RxPath::socket;
    on_socket += socket ? 1 : 0;
    const RxPath before = chooser.path();
    const bool changed = chooser.take(load(socket ? socket_cost : xdp_cost));
    CHECK(changed == (chooser.path() != before));
  }
  return on_socket;
}

}  // namespace

TEST_CASE("rx choice: the first is made by what the driver can do") {
  struct Row {
    RxAbilities abilities;
    std::optional<RxPath> forced;
    RxPath path;
  };
  const Row rows[] = {
      {{}, std::nullopt, RxPath::socket},
      {{}, RxPath::xdp, RxPath::socket},  // nothing to receive from
      {kNative, std::nullopt, RxPath::xdp},
      {kGeneric, std::nullopt, RxPath::socket},
      {kGeneric, RxPath::xdp, RxPath::xdp},
      {kNative, RxPath::socket, RxPath::socket},
      {{.has_sockets = true, .native = true, .zero_copy = true}, std::nullopt, RxPath::xdp},
      {{.has_sockets = true, .native = true, .zero_copy = true, .gro = true},
       std::nullopt,
       RxPath::xdp},
      {kNativeWithGro, std::nullopt, RxPath::socket},
      {kNativeWithGro, RxPath::xdp, RxPath::xdp},
      {{.has_sockets = true, .gro = true}, std::nullopt, RxPath::socket},
  };
  for (const Row& row : rows) {
    const RxChooser chooser(row.abilities, row.forced);
    CHECK(chooser.path() == row.path);
    CHECK_FALSE(chooser.reason().empty());
  }
  CHECK(RxChooser(kNative, std::nullopt).reason().find("GRO is off") != std::string::npos);
  CHECK(RxChooser(kNativeWithGro, std::nullopt).reason().find("GRO is on") != std::string::npos);
}

TEST_CASE("rx choice: what was forced stays, whatever is measured") {
  RxChooser chooser(kNative, RxPath::xdp);
  CHECK(run(chooser, 100, 10'000, 5'000) == 0);
}

TEST_CASE("rx choice: without load nothing is tried") {
  RxChooser chooser(kNative, std::nullopt);
  for (int i = 0; i < 10'000; ++i) {
    CHECK_FALSE(chooser.take({.interval = 250ms, .datagrams = 1'000, .receive_batches = 900}));
  }
  CHECK(chooser.path() == RxPath::xdp);
}

TEST_CASE("rx choice: the cheaper path wins from either start, and stays") {
  for (const RxAbilities& abilities : {kNative, kGeneric}) {
    RxChooser xdp_is_cheaper(abilities, std::nullopt);
    run(xdp_is_cheaper, 3'000, 2'000, 200);
    CHECK(xdp_is_cheaper.path() == RxPath::xdp);
    CHECK(xdp_is_cheaper.reason().find("measured under load") == 0);
    RxChooser socket_is_cheaper(abilities, std::nullopt);
    run(socket_is_cheaper, 2'000, 3'000, 200);
    CHECK(socket_is_cheaper.path() == RxPath::socket);
  }
}

TEST_CASE("rx choice: level paths do not take turns, and trials become rare") {
  RxChooser chooser(kNative, std::nullopt);
  const int tried = run(chooser, 1'950, 2'000, 10'000);
  CHECK(chooser.path() == RxPath::xdp);
  CHECK(tried >= RxChooser::kTrialSamples);
  CHECK(tried <= 10 * RxChooser::kTrialSamples);
}

TEST_CASE("rx choice: a path that loses packets gives way to one that does not") {
  RxChooser chooser(kNative, std::nullopt);
  for (int i = 0; i < 300; ++i) {
    const bool socket = chooser.path() == RxPath::socket;
    // Losing is cheap: what is lost costs nothing further.
    (void)chooser.take(socket ? load(2'200, 0) : load(2'000, 10'000));
  }
  CHECK(chooser.path() == RxPath::socket);
}

TEST_CASE("rx choice: a trial whose load goes away ends where it began") {
  RxChooser chooser(kNative, std::nullopt);
  for (std::uint64_t i = 0; i < RxChooser::kFirstWait; ++i) (void)chooser.take(load(2'000));
  REQUIRE(chooser.path() == RxPath::socket);
  CHECK(chooser.take({.interval = 250ms, .datagrams = 3}));
  CHECK(chooser.path() == RxPath::xdp);
}

TEST_CASE("rx choice: other abilities start it anew, the same ones do not") {
  RxChooser chooser(kNative, std::nullopt);
  run(chooser, 2'000, 3'000, 200);
  REQUIRE(chooser.path() == RxPath::socket);
  chooser.set_abilities(kNative);
  CHECK(chooser.path() == RxPath::socket);
  chooser.set_abilities({});
  CHECK(chooser.path() == RxPath::socket);
  chooser.set_abilities(kNative);
  CHECK(chooser.path() == RxPath::xdp);
  chooser.set_abilities(kNativeWithGro);  // somebody has switched it on
  CHECK(chooser.path() == RxPath::socket);
}

TEST_CASE("rx choice: an interface's part of an agent's sample is by its bytes") {
  RxSample whole = load(1'000, 500);
  const RxSample all = part_of(whole, 700, 700);
  CHECK(all.datagrams == whole.datagrams);
  CHECK(all.cpu == whole.cpu);
  const RxSample part = part_of(whole, 600, 1'000);
  CHECK(part.interval == whole.interval);
  CHECK(part.datagrams == 15'000);
  CHECK(part.receive_batches == 600);
  CHECK(part.lost == 300);
  CHECK(part.cpu == Duration(15'000'000));
  for (const std::uint64_t own : {0, 1, 299}) {
    const RxSample little = part_of(whole, own, 1'000);
    CHECK(little.interval == whole.interval);
    CHECK(little.datagrams == 0);
    CHECK(little.cpu == Duration::zero());
  }
  CHECK(part_of(whole, 0, 0).datagrams == 0);
}

TEST_CASE("rx choice: of two interfaces each decides by its own traffic") {
  // The socket is the cheaper way into the one, AF_XDP into the other; they are busy in turns.
  RxChooser first(kNative, std::nullopt);
  RxChooser second(kGeneric, std::nullopt);
  const auto busy = [](RxChooser& one, RxChooser& idle, std::int64_t socket, std::int64_t xdp) {
    for (int i = 0; i < 400; ++i) {
      const RxSample whole = load(one.path() == RxPath::socket ? socket : xdp);
      (void)one.take(part_of(whole, 900, 1'000));
      CHECK_FALSE(idle.take(part_of(whole, 100, 1'000)));
    }
  };
  busy(first, second, 500, 1'000);
  CHECK(first.path() == RxPath::socket);
  CHECK(second.path() == RxPath::socket);
  busy(second, first, 1'000, 500);
  CHECK(first.path() == RxPath::socket);
  CHECK(second.path() == RxPath::xdp);
}

}  // namespace xm
