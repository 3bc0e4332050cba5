#include "agent/node_link_reset.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/skip.hpp"
#include "tests/support/veth_pair.hpp"

namespace xm {
namespace {

// Says one thing after the other.
class FakeCarrier final : public CarrierSource {
 public:
  explicit FakeCarrier(std::vector<std::optional<CarrierState>> answers)
      : answers_(std::move(answers)) {}
  [[nodiscard]] std::optional<CarrierState> look(std::uint32_t ifindex) const override {
    CHECK(ifindex == 7);
    return answers_.at(asked_++);
  }

 private:
  std::vector<std::optional<CarrierState>> answers_;
  mutable std::size_t asked_ = 0;
};

std::string told(std::optional<CarrierState> before, std::optional<CarrierState> after) {
  const FakeCarrier carrier({before, after});
  const auto step = LinkReset(carrier, 7).step();
  return step ? step->to_string() : "nothing";
}

}  // namespace

TEST_CASE("link reset: what the driver did to its link is told, and when it did nothing") {
  using State = CarrierState;
  CHECK(told(State{true, 3}, State{true, 3}) == "the link stayed up");
  CHECK(told(State{true, 3}, State{true, 4}) ==
        "the driver reset the link: it went down once and is up again");
  CHECK(told(State{true, 0xffffffff}, State{false, 1}) ==
        "the driver reset the link: it went down 2 times and is not up again yet");
  CHECK(told(State{false, 3}, State{true, 3}) == "nothing");
  CHECK(told(std::nullopt, State{true, 3}) == "nothing");
  CHECK(told(State{true, 3}, std::nullopt) == "nothing");
}

TEST_CASE("link reset: the kernel tells when a link was lost meanwhile") {
  XM_NEEDS_NAMESPACES();
  test::in_own_namespace([] {
    const test::VethPair veth;
    const KernelCarrier carrier;
    const LinkReset quiet(carrier, veth.near_index());
    REQUIRE(quiet.step().has_value());
    CHECK(quiet.step()->to_string() == "the link stayed up");
    REQUIRE(test::set_up(veth.far, false));
    CHECK(quiet.step()->reason == "it went down once and is not up again yet");
    CHECK_FALSE(LinkReset(carrier, veth.near_index()).step().has_value());
    REQUIRE(test::set_up(veth.far, true));
    CHECK(quiet.step()->reason == "it went down once and is up again");
    CHECK_FALSE(carrier.look(0x7fffffff).has_value());
  });
}

}  // namespace xm
