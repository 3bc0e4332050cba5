#include "agent/mesh/gossip_session.hpp"

#include <doctest/doctest.h>

#include <set>

#include "agent/crypto/sign.hpp"
#include "agent/crypto/x25519.hpp"
#include "tests/support/seeded_random.hpp"

namespace xm {
namespace {

struct Two {
  test::SeededRandom random{5};
  SigningKey key_a = generate_signing_key(random);
  SigningKey key_b = generate_signing_key(random);
  Identity a = Identity::of(key_a);
  Identity b = Identity::of(key_b);
  BootId boot_a{1};
  BootId boot_b{2};
  Key mac = envelope_mac_key("mesh", MacAudience::identity, b.key);

  [[nodiscard]] Key shared_at_a() const {
    return shared_secret(x25519_of(key_a), b.wireguard_key().value()).value();
  }
  [[nodiscard]] Key shared_at_b() const {
    return shared_secret(x25519_of(key_b), a.wireguard_key().value()).value();
  }
  [[nodiscard]] GossipSession at_a() const {
    return {shared_at_a(), {"mesh", a, b, boot_a, boot_b}};
  }
  [[nodiscard]] GossipSession at_b() const {
    return {shared_at_b(), {"mesh", b, a, boot_b, boot_a}};
  }
};

const std::vector<std::uint8_t> kPayload{1, 2, 3};

TEST_CASE("gossip session: what one seals the other opens, once") {
  const Two two;
  const GossipSession a = two.at_a();
  GossipSession b = two.at_b();
  const auto datagram = a.seal(two.a, kPayload, 7, two.mac);
  const auto sealed = parse_sealed(datagram);
  REQUIRE(sealed);
  CHECK(sealed->session_hint == b.receiving_hint());
  CHECK(sealed->sender_hint == sender_hint(two.a));
  CHECK(b.open(*sealed) == kPayload);
  CHECK_FALSE(b.open(*sealed));
}

TEST_CASE("gossip session: nothing sealed opens at its sender, in another mesh or another life") {
  const Two two;
  const auto datagram = two.at_a().seal(two.a, kPayload, 7, two.mac);
  const auto sealed = parse_sealed(datagram).value();
  GossipSession reflected = two.at_a();
  CHECK_FALSE(reflected.open(sealed));
  GossipSession other_mesh(two.shared_at_b(), {"other", two.b, two.a, two.boot_b, two.boot_a});
  CHECK_FALSE(other_mesh.open(sealed));
  GossipSession own_new_life(two.shared_at_b(), {"mesh", two.b, two.a, {9}, two.boot_a});
  CHECK_FALSE(own_new_life.open(sealed));
  GossipSession its_new_life(two.shared_at_b(), {"mesh", two.b, two.a, two.boot_b, {9}});
  CHECK_FALSE(its_new_life.open(sealed));
  GossipSession right = two.at_b();
  CHECK(right.open(sealed));
}

TEST_CASE("gossip session: every field before the sealed bytes is bound to them") {
  const Two two;
  const auto datagram = two.at_a().seal(two.a, kPayload, 7, two.mac);
  auto sealed = parse_sealed(datagram).value();
  GossipSession b = two.at_b();
  ++sealed.counter;
  CHECK_FALSE(b.open(sealed));
  --sealed.counter;
  ++sealed.sender_hint;
  CHECK_FALSE(b.open(sealed));
}

TEST_CASE("gossip session: an answer begins the window after itself") {
  const Two two;
  const GossipSession b = two.at_b();
  GossipSession a = two.at_a();
  HelloAnswer answer{two.b, two.boot_b, {1}, 50, {}};
  const auto body = b.seal_answer(answer, kPayload);
  answer.sealed = body;
  const auto early = b.seal(two.b, kPayload, 49, two.mac);
  const auto late = b.seal(two.b, kPayload, 51, two.mac);
  CHECK(a.open_answer(answer) == kPayload);
  CHECK_FALSE(a.open(parse_sealed(early).value()));
  CHECK(a.open(parse_sealed(late).value()));
  HelloAnswer changed = answer;
  changed.boot[0] ^= 1;
  CHECK_FALSE(a.open_answer(changed));
}

TEST_CASE("gossip replay: agrees with a naive window over random orders") {
  test::SeededRandom random(17);
  for (int run = 0; run < 20; ++run) {
    GossipReplay replay;
    std::set<std::uint64_t> seen;
    std::uint64_t next = 0;
    for (int i = 0; i < 3000; ++i) {
      std::array<std::uint8_t, 2> raw;
      random.fill(raw);
      const std::uint64_t step = load_le16(raw.data()) % 400;
      const std::uint64_t base = next > 300 ? next - 300 : 0;
      const std::uint64_t counter = base + step;
      const bool is_in_window = counter >= next || next - counter <= GossipReplay::kWindow;
      const bool expected = is_in_window && !seen.contains(counter);
      CHECK(replay.accept(counter) == expected);
      if (expected) {
        seen.insert(counter);
        next = std::max(next, counter + 1);
      }
    }
  }
}

TEST_CASE("gossip replay: a far jump forgets what was before, and the last number is no number") {
  GossipReplay replay;
  CHECK(replay.accept(0));
  CHECK(replay.accept(1'000'000));
  CHECK_FALSE(replay.accept(0));
  CHECK_FALSE(replay.accept(1'000'000));
  CHECK(replay.accept(999'999));
  CHECK_FALSE(replay.accept(UINT64_MAX));
  CHECK(replay.accept(UINT64_MAX - 1));
}

TEST_CASE("gossip replay: one that begins after a counter refuses all up to it") {
  GossipReplay replay(1000);
  for (const std::uint64_t old : {0U, 744U, 745U, 999U, 1000U}) CHECK_FALSE(replay.accept(old));
  CHECK(replay.accept(1001));
  CHECK_FALSE(replay.accept(1000));
}

}  // namespace
}  // namespace xm
