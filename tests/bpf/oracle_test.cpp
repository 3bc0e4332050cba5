// A million random and mutated packets: the program and the oracle agree on every one.
//
// XM_FULL=1 runs ten million, XM_PACKETS as many as it says. XM_SEED repeats a run.
#include <cstdio>
#include <cstdlib>
#include <random>

#include "tests/bpf/rows.hpp"

namespace xm::test {
namespace {

using Engine = std::mt19937_64;

std::uint64_t below(Engine& random, std::uint64_t bound) {
  return random() % bound;
}
bool one_in(Engine& random, std::uint64_t n) {
  return below(random, n) == 0;
}

std::uint64_t number_of(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 0);
}

constexpr std::uint32_t kSessions = 24;
PublicKey key_number(std::uint64_t number) {
  return PublicKey{static_cast<std::uint8_t>(number), 0x55};
}

// A highest counter, and some of those within two windows below it.
std::set<std::uint64_t> random_counters(Engine& random) {
  if (one_in(random, 4)) return {};
  constexpr std::uint64_t kBases[] = {0,    1,    63,    64,         8128,
                                      8129, 8192, 50000, 1ULL << 40, UINT64_MAX - 8130};
  const std::uint64_t highest = kBases[below(random, std::size(kBases))] + below(random, 3) / 2;
  std::set<std::uint64_t> counters = {highest};
  for (int i = 0; i < 200; ++i) {
    const std::uint64_t back = below(random, one_in(random, 2) ? 130 : 8300);
    if (back <= highest) counters.insert(highest - back);
  }
  return counters;
}

SteerWorld random_world(Engine& random) {
  SteerWorld world;
  world.redirect = !one_in(random, 6);
  world.all_published = !one_in(random, 4);
  world.check_mac1 = !one_in(random, 6);
  world.generic = one_in(random, 3);
  world.socket = !one_in(random, 6);
  if (one_in(random, 4)) world.beat = static_cast<Beat>(below(random, 4));
  if (one_in(random, 8)) world.agent_beat = static_cast<Beat>(below(random, 4));
  world.largest_frame =
      static_cast<std::uint32_t>(one_in(random, 3) ? 60 + below(random, 400) : 2048);
  world.ports = {51820, 4500, 7, 65535};
  world.ports.resize(1 + below(random, 4));
  if (one_in(random, 3)) world.addresses.emplace_back("198.18.0.1");
  for (std::uint64_t i = below(random, 6); i > 0; --i) {
    world.mac1_keys.push_back({key_number(i), world.ports[below(random, world.ports.size())]});
  }
  for (std::uint32_t index = 1; index <= kSessions; ++index) {
    world.add_session(index, index, random_counters(random));
    if (one_in(random, 8)) world.sessions[index].live = false;
    if (one_in(random, 8)) world.sessions[index].slot.reset();
    if (one_in(random, 8)) world.slots[index].receiver_index = index + 1;
  }
  return world;
}

// A counter that stands somewhere interesting in the session's window.
std::uint64_t random_counter(Engine& random, const SteerWorld& world, std::uint32_t index) {
  const auto slot = world.slots.find(index);
  const std::uint64_t highest = slot == world.slots.end() || slot->second.received.empty()
                                    ? 0
                                    : *slot->second.received.rbegin();
  switch (below(random, 4)) {
    case 0:
      return highest + 4 - below(random, 160);
    case 1:
      return highest - 8120 - below(random, 20);
    case 2:
      return UINT64_MAX - 8120 - below(random, 20);
    default:
      return below(random, 2) == 0 ? random() : highest - below(random, 8300);
  }
}

Packet random_message(Engine& random, const SteerWorld& world) {
  const auto seed = static_cast<std::uint32_t>(below(random, 1000));
  Packet message;
  switch (below(random, 8)) {
    case 0:
    case 1: {
      const PublicKey key = key_number(below(random, 6));
      message = one_in(random, 2) ? initiation(key, seed) : response(key, seed);
      if (one_in(random, 4)) flip_bit(message, below(random, message.size()), random());
      return message;
    }
    case 2:
      return noise_message(static_cast<std::uint32_t>(below(random, 6)), 16 * below(random, 12) + 4,
                           seed);
    case 3:
      return noise_message(3, one_in(random, 4) ? 63 : 64, seed);
    default: {
      const auto index = static_cast<std::uint32_t>(1 + below(random, kSessions + 2));
      std::size_t size = 32 + 16 * below(random, 20);
      if (one_in(random, 10)) size = below(random, 200);
      if (one_in(random, 20)) size = 1024 + below(random, 1600);
      return data_message(index, random_counter(random, world, index), size);
    }
  }
}

Frame random_frame(Engine& random, const SteerWorld& world) {
  FrameSpec spec = one_in(random, 2) ? datagram4(random_message(random, world))
                                     : datagram6(random_message(random, world));
  if (one_in(random, 3)) {
    constexpr std::uint16_t kTypes[] = {0x8100, 0x88a8, 0x9100};
    for (std::uint64_t i = below(random, 4); i > 0; --i) {
      spec.tags.emplace_back(kTypes[below(random, 20) == 0 ? 2 : below(random, 2)],
                             static_cast<std::uint16_t>(random()));
    }
  }
  if (!one_in(random, 4)) {
    spec.packet.destination_port = world.ports[below(random, world.ports.size())];
  }
  if (one_in(random, 10) && spec.packet.destination.find(':') == std::string::npos) {
    spec.packet.destination = "198.18.0.1";
  }
  if (one_in(random, 8)) spec.padding = below(random, 64);
  return build_frame(spec);
}

// A few bytes changed, mostly in the headers; cut or grown; or nothing but noise.
void mutate(Engine& random, Frame& frame) {
  for (std::uint64_t i = below(random, 3); i > 0; --i) {
    const std::size_t within =
        one_in(random, 4) ? frame.size() : std::min<std::size_t>(frame.size(), 90);
    const std::size_t at = below(random, within);
    if (one_in(random, 2)) {
      flip_bit(frame, at, random());
    } else {
      frame[at] = static_cast<std::uint8_t>(random());
    }
  }
  if (one_in(random, 8)) frame.resize(std::max<std::size_t>(14, below(random, frame.size() + 1)));
  if (one_in(random, 16)) frame.resize(frame.size() + below(random, 40));
  if (one_in(random, 50)) {
    for (std::size_t i = 12; i < frame.size(); ++i) frame[i] = static_cast<std::uint8_t>(random());
  }
}

// True when the program's verdict on the frame is `expected`. A heartbeat may have grown old since
// it was written, on a busy machine, and again in the second that a fresh one is good for: what
// differs is run a few times more.
bool agrees(SteerLab& lab, const Frame& frame, std::uint32_t expected) {
  for (int attempt = 0; attempt < 8; ++attempt) {
    const std::uint64_t before = lab.count(expected).packets;
    (void)lab.run(frame);
    if (lab.count(expected).packets == before + 1) return true;
    lab.beat();
  }
  return false;
}

std::string in_hex(const Frame& frame) {
  std::string text;
  char digits[3];
  for (const std::uint8_t byte : frame) {
    std::snprintf(digits, sizeof digits, "%02x", byte);
    text += digits;
  }
  return text;
}

}  // namespace

TEST_CASE("XDP program: random packets, the oracle says the same") {
  const std::uint64_t seed = number_of("XM_SEED", std::random_device{}());
  const std::uint64_t packets =
      number_of("XM_PACKETS", std::getenv("XM_FULL") != nullptr ? 10'000'000 : 1'000'000);
  const std::uint64_t per_world = std::max<std::uint64_t>(packets / 100, 20);
  const std::uint64_t template_count = per_world / 20;
  std::printf("XM_SEED=%llu, %llu packets\n", static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(packets));
  with_lab([&](SteerLab& lab) {
    Engine random(seed);
    std::array<std::uint64_t, XM_VERDICT_COUNT> seen{};
    for (std::uint64_t done = 0; done < packets; done += per_world) {
      const SteerWorld world = random_world(random);
      const SteerOracle oracle(world);
      lab.apply(world);
      std::vector<Frame> templates(template_count);
      for (Frame& frame : templates) frame = random_frame(random, world);
      for (std::uint64_t i = 0; i < per_world; ++i) {
        Frame frame = templates[i % template_count];
        if (i >= template_count) mutate(random, frame);
        if (i % 64 == 0) lab.beat();
        const std::uint32_t expected = oracle.verdict(frame);
        ++seen[expected];
        const bool same = agrees(lab, frame, expected);
        if (!same) {
          CAPTURE(seed);
          CAPTURE(done + i);
          CAPTURE(expected);
          CAPTURE(in_hex(frame));
          REQUIRE(same);
        }
      }
    }
    // What no test run can show, and what says nothing about packets.
    seen[XM_VERDICT_pass_super_packet] = seen[XM_VERDICT_pass_not_configured] = 1;
    for (std::uint32_t verdict = 0; verdict < XM_VERDICT_COUNT; ++verdict) {
      CAPTURE(verdict);
      CHECK(seen[verdict] > 0);
    }
  });
}

}  // namespace xm::test
