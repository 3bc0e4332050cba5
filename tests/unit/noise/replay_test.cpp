#include "agent/noise/replay.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <random>
#include <set>
#include <thread>

namespace xm {
namespace {

constexpr std::uint64_t kEdge = kReplayWindow + 1;  // the first distance that is too old
constexpr std::uint64_t kLimit = kRejectAfterMessages;

// looks_new() and accept() must agree as long as nothing comes in between.
ReplayVerdict take(ReplayWindow& window, std::uint64_t counter) {
  const ReplayVerdict expected = window.looks_new(counter);
  const ReplayVerdict verdict = window.accept(counter);
  CHECK(verdict == expected);
  return verdict;
}

bool accepts(ReplayWindow& window, std::uint64_t counter) {
  return take(window, counter) == ReplayVerdict::fresh;
}

// The rule in its plainest form: a set of everything received, and the highest.
class NaiveWindow {
 public:
  ReplayVerdict accept(std::uint64_t counter) {
    if (counter >= kLimit) return ReplayVerdict::too_old;
    if (!seen_.empty() && highest_ > kReplayWindow && counter < highest_ - kReplayWindow) {
      return ReplayVerdict::too_old;
    }
    if (!seen_.insert(counter).second) return ReplayVerdict::replayed;
    if (counter > highest_) highest_ = counter;
    return ReplayVerdict::fresh;
  }
  [[nodiscard]] std::uint64_t highest() const { return highest_; }

 private:
  std::set<std::uint64_t> seen_;
  std::uint64_t highest_ = 0;
};

// How the XDP program looks at a published window (bpf/wg.bpf.h): the highest first.
ReplayVerdict look(xm_replay& slot, std::uint64_t counter) {
  const std::uint64_t next = std::atomic_ref<__u64>(slot.next).load(std::memory_order_acquire);
  if (counter >= kLimit || (next > kReplayWindow + 1 && counter < next - kReplayWindow - 1)) {
    return ReplayVerdict::too_old;
  }
  if (counter >= next) return ReplayVerdict::fresh;
  const std::uint64_t word = std::atomic_ref<__u64>(slot.words[counter / 64 % XM_REPLAY_WORDS])
                                 .load(std::memory_order_relaxed);
  return (word >> counter % 64 & 1) == 0 ? ReplayVerdict::fresh : ReplayVerdict::replayed;
}

}  // namespace

TEST_CASE("replay: the kernel's cases, in order") {
  struct Row {
    std::uint64_t counter;
    ReplayVerdict verdict;
  };
  constexpr auto kFresh = ReplayVerdict::fresh;
  constexpr auto kOld = ReplayVerdict::too_old;
  constexpr auto kSeen = ReplayVerdict::replayed;
  const Row rows[] = {
      {0, kFresh},
      {1, kFresh},
      {1, kSeen},
      {9, kFresh},  // a gap, then into the gap
      {8, kFresh},
      {7, kFresh},
      {7, kSeen},
      {kEdge, kFresh},  // the window moves by its own length
      {kEdge - 1, kFresh},
      {kEdge - 1, kSeen},
      {kEdge - 2, kFresh},
      {2, kFresh},  // still within
      {2, kSeen},
      {kEdge + 16, kFresh},
      {3, kOld},
      {kEdge + 16, kSeen},
      {4 * kEdge, kFresh},  // further than the window is long
      {4 * kEdge - kReplayWindow, kFresh},
      {10, kOld},
      {4 * kEdge - kEdge, kOld},
      {4 * kEdge - kEdge - 1, kOld},
      {4 * kEdge - kReplayWindow + 1, kFresh},
      {4 * kEdge - kReplayWindow, kSeen},
      {0, kOld},
      {kLimit, kOld},  // at the end of all counters
      {kLimit - 1, kFresh},
      {kLimit, kOld},
      {kLimit - 1, kSeen},
      {kLimit - 2, kFresh},
      {kLimit + 1, kOld},
      {kLimit + 2, kOld},
      {kLimit - 2, kSeen},
      {kLimit - 3, kFresh},
      {0, kOld},
  };
  static_assert(std::size(rows) == 34);
  ReplayWindow window;
  int number = 0;
  for (const Row& row : rows) {
    ++number;
    CHECK_MESSAGE(take(window, row.counter) == row.verdict, "case ", number);
  }
}

TEST_CASE("replay: sweeps up and down across the whole window") {
  ReplayWindow window;
  SUBCASE("up from 1; 0 still fits, once") {
    for (std::uint64_t i = 1; i <= kReplayWindow; ++i) CHECK(accepts(window, i));
    CHECK(accepts(window, 0));
    CHECK_FALSE(accepts(window, 0));
  }
  SUBCASE("up from 2, one further; 1 fits, 0 does not") {
    for (std::uint64_t i = 2; i <= kReplayWindow + 1; ++i) CHECK(accepts(window, i));
    CHECK(accepts(window, 1));
    CHECK_FALSE(accepts(window, 0));
  }
  SUBCASE("down from the window's length to 0") {
    for (std::uint64_t i = kReplayWindow + 1; i-- > 0;) CHECK(accepts(window, i));
  }
  SUBCASE("down from one more; 0 does not fit") {
    for (std::uint64_t i = kReplayWindow + 2; i-- > 1;) CHECK(accepts(window, i));
    CHECK_FALSE(accepts(window, 0));
  }
  SUBCASE("down to 1, then the window moves on, and 0 is out") {
    for (std::uint64_t i = kReplayWindow + 1; i-- > 1;) CHECK(accepts(window, i));
    CHECK(accepts(window, kReplayWindow + 1));
    CHECK_FALSE(accepts(window, 0));
  }
  SUBCASE("down to 1, then 0, then the window moves on") {
    for (std::uint64_t i = kReplayWindow + 1; i-- > 1;) CHECK(accepts(window, i));
    CHECK(accepts(window, 0));
    CHECK(accepts(window, kReplayWindow + 1));
  }
}

TEST_CASE("replay: every jump of the highest counter leaves exactly the window") {
  for (std::uint64_t start : {0ULL, 1ULL, 63ULL, 64ULL, 8127ULL, 8191ULL, 8192ULL, 100'000ULL}) {
    for (std::uint64_t jump : {1ULL, 63ULL, 64ULL, 65ULL, 8127ULL, 8128ULL, 8129ULL, 8191ULL,
                               8192ULL, 8193ULL, 20'000ULL, 1ULL << 40}) {
      ReplayWindow window;
      REQUIRE(accepts(window, start));
      REQUIRE(accepts(window, start + jump));
      const std::uint64_t highest = start + jump;
      const std::uint64_t lowest = highest > kReplayWindow ? highest - kReplayWindow : 0;
      if (lowest > 0) CHECK(take(window, lowest - 1) == ReplayVerdict::too_old);
      for (std::uint64_t counter = lowest; counter < highest; ++counter) {
        if (accepts(window, counter) != (counter != start)) FAIL_CHECK("counter ", counter);
        if (accepts(window, counter)) FAIL_CHECK("twice: counter ", counter);
      }
    }
  }
}

TEST_CASE("replay: agrees with a plain set over random counters") {
  for (std::uint32_t seed = 1; seed <= 4; ++seed) {
    std::mt19937_64 random(seed);
    ReplayWindow window;
    NaiveWindow oracle;
    for (int i = 0; i < 100'000; ++i) {
      // Mostly around the highest, sometimes around the window's end, sometimes far ahead.
      std::uint64_t counter = oracle.highest();
      switch (random() % 16) {
        case 0:
          counter += random() % 20'000;
          break;
        case 1:
        case 2:
          counter -= std::min(counter, kReplayWindow - 8 + random() % 16);
          break;
        case 3:
        case 4:
          counter -= std::min(counter, random() % (2 * kReplayWindow));
          break;
        default:
          counter += random() % 70;
          counter -= std::min(counter, random() % 64);
      }
      const ReplayVerdict expected = oracle.accept(counter);
      if (window.looks_new(counter) != expected || window.accept(counter) != expected) {
        FAIL("seed ", seed, " step ", i, " counter ", counter);
      }
    }
  }
}

TEST_CASE("replay: looking changes nothing") {
  ReplayWindow window;
  CHECK(accepts(window, 5));
  CHECK(window.looks_new(1'000'000) == ReplayVerdict::fresh);
  CHECK(window.looks_new(4) == ReplayVerdict::fresh);
  CHECK(accepts(window, 4));
  CHECK(accepts(window, 1'000'000));
}

TEST_CASE("replay: a mirror holds what the window holds, from any moment on") {
  std::mt19937_64 random(5);
  ReplayWindow window;
  xm_replay slot{};
  std::uint64_t highest = 0;
  for (int i = 0; i < 20'000; ++i) {
    if (i == 5'000) window.mirror_into(&slot);
    std::uint64_t counter = highest + random() % 100;
    if (random() % 64 == 0) counter += random() % 20'000;
    counter -= std::min(counter, random() % 200);
    highest = std::max(highest, counter);
    (void)window.accept(counter);
    if (i < 5'000) continue;
    const std::uint64_t probe = highest - std::min(highest, random() % 9'000) + random() % 3;
    if (look(slot, probe) != window.looks_new(probe)) FAIL("step ", i, " counter ", probe);
  }
  const std::uint64_t frozen = slot.next;
  window.mirror_into(nullptr);
  CHECK(accepts(window, highest + 1));
  CHECK(slot.next == frozen);
}

TEST_CASE(
    "replay: who reads the mirror while it changes never takes a new counter for a received one") {
  ReplayWindow window;
  xm_replay slot{};
  window.mirror_into(&slot);
  std::atomic<std::uint64_t> sent{0};
  std::atomic<bool> done{false};
  // Odd counters never arrive: whatever lies within the window must look new.
  std::thread reader([&] {
    std::mt19937_64 random(9);
    while (!done.load(std::memory_order_relaxed)) {
      const std::uint64_t low = sent.load(std::memory_order_acquire);
      const std::uint64_t counter = (low - std::min(low, random() % 4'000)) | 1;
      if (look(slot, counter) == ReplayVerdict::replayed) {
        done.store(true);
        FAIL_CHECK("counter ", counter);
      }
    }
  });
  for (std::uint64_t counter = 0; counter < 400'000 && !done.load(); counter += 2) {
    (void)window.accept(counter);
    sent.store(counter, std::memory_order_release);
  }
  done.store(true);
  reader.join();
}

}  // namespace xm
