// mac1 in the XDP program against the code that verifies handshakes (agent/noise/cookie.hpp).
#include <cstdio>
#include <random>

#include "tests/bpf/rows.hpp"

namespace xm::test {

TEST_CASE("XDP program: mac1 of random messages with random keys verifies as cookie.hpp says") {
  const std::uint64_t seed = std::random_device{}();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  with_lab([&](SteerLab& lab) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    SeededRandom keys(seed);
    int good = 0, bad = 0;
    for (int round = 0; round < 50; ++round) {
      SteerWorld world = ordinary();
      std::array<PublicKey, 2 * XM_MAX_MAC1_KEYS> all;
      for (PublicKey& key : all) keys.fill(key);
      world.mac1_keys.clear();
      for (std::size_t i = 0; i <= random() % XM_MAX_MAC1_KEYS; ++i) {
        world.mac1_keys.push_back({all[i], 51820});
      }
      lab.apply(world);
      for (int i = 0; i < 100; ++i) {
        const auto noise = static_cast<std::uint32_t>(random());
        const PublicKey& key = all[random() % all.size()];
        Packet message = random() % 2 == 0 ? initiation(key, noise) : response(key, noise);
        if (random() % 2 == 0) flip_bit(message, 4 + random() % (message.size() - 4), random());
        bool valid = false;
        for (const SteerWorld::Mac1Key& ours : world.mac1_keys) {
          valid = valid || CookieChecker(ours.key, keys).mac1_is_valid(message);
        }
        CHECK(lab.run(message4(message)) == (valid ? XDP_PASS : XDP_DROP));
        ++(valid ? good : bad);
      }
    }
    CHECK(lab.count(XM_VERDICT_pass_handshake).packets == static_cast<std::uint64_t>(good));
    CHECK(lab.count(XM_VERDICT_drop_bad_mac1).packets == static_cast<std::uint64_t>(bad));
    CHECK(good > 100);
    CHECK(bad > 100);
  });
}

}  // namespace xm::test
