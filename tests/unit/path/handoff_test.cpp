// Sharing batches between threads: every packet is done once, by whoever, and none is lost or
// changed, however late the helpers are.
#include "agent/path/handoff.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "tests/support/manual_clock.hpp"

namespace xm::test {
namespace {

constexpr std::uint32_t kTag = static_cast<std::uint32_t>(kAeadTagSize);

// libsodium, with a pause before some of the calls.
class DelayedEngine final : public AeadEngine {
 public:
  // One in `one_in` calls waits up to `longest`; 0: none does.
  DelayedEngine(std::uint32_t seed, std::uint32_t one_in, Duration longest)
      : random_(seed), one_in_(one_in), longest_(longest) {}

  void seal(const Key& key, std::span<AeadJob> jobs) override {
    delay();
    engine_->seal(key, jobs);
  }
  void open(const Key& key, std::span<AeadJob> jobs) override {
    delay();
    engine_->open(key, jobs);
  }
  [[nodiscard]] std::string description() const override { return "delayed"; }

 private:
  void delay() {
    if (one_in_ == 0 || random_() % one_in_ != 0) return;
    std::this_thread::sleep_for(Duration(random_() % longest_.count()));
  }

  std::unique_ptr<AeadEngine> engine_ = std::move(make_aead_engine(AeadKind::libsodium).value());
  std::minstd_rand random_;
  std::uint32_t one_in_;
  Duration longest_;
};

// A worker's thread that only helps: it sleeps and is rung for as a worker is.
class Helper {
 public:
  Helper(Handoff& handoff, std::size_t id, std::uint32_t one_in, Duration longest)
      : own_(static_cast<std::uint32_t>(id), one_in, longest),
        engine_(handoff, id, own_, [this] { ring(); }),
        thread_([this] { run(); }) {}
  ~Helper() {
    stopping_ = true;
    ring();
    thread_.join();
  }

 private:
  void ring() {
    bell_.store(true);
    bell_.notify_one();
  }
  void run() {
    const SystemClock clock;
    while (!stopping_) {
      if (!engine_.pause(clock)) continue;
      bell_.wait(false);
      bell_.store(false);
    }
    engine_.resume(clock);
  }

  DelayedEngine own_;
  HandoffEngine engine_;
  std::atomic<bool> bell_{false};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

// Packets with known content, one after the other in a buffer.
struct Batch {
  std::vector<std::uint8_t> bytes;
  std::vector<AeadJob> jobs;

  Batch(std::minstd_rand& random, std::size_t count, std::uint32_t largest) {
    std::vector<std::uint32_t> lengths(count);
    std::size_t room = 0;
    for (std::uint32_t& length : lengths) {
      length = static_cast<std::uint32_t>(random() % (largest + 1));
      room += length + kTag;
    }
    bytes.resize(room);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
    std::uint8_t* at = bytes.data();
    for (std::size_t i = 0; i < count; ++i) {
      jobs.push_back({.counter = i, .in = at, .out = at, .length = lengths[i], .ok = false});
      at += lengths[i] + kTag;
    }
  }
  void add_to_lengths(int bytes_more) {
    for (AeadJob& job : jobs) {
      job.length = static_cast<std::uint32_t>(static_cast<int>(job.length) + bytes_more);
      job.ok = false;
    }
  }
};

Key key_of(std::uint8_t first) {
  Key key;
  key.expose_mutable()[0] = first;
  return key;
}

// Seals and opens `rounds` batches through `engine`, and compares each with a plain engine.
void check_rounds(AeadEngine& engine, int rounds, std::uint32_t seed) {
  auto plain = std::move(make_aead_engine(AeadKind::libsodium).value());
  std::minstd_rand random(seed);
  for (int round = 0; round < rounds; ++round) {
    const Key key = key_of(static_cast<std::uint8_t>(round));
    Batch batch(random, 1 + random() % 200, 1424);
    Batch expected = batch;
    for (std::size_t i = 0; i < batch.jobs.size(); ++i) {
      const auto offset = batch.jobs[i].in - batch.bytes.data();
      expected.jobs[i].in = expected.jobs[i].out = expected.bytes.data() + offset;
      // A copied job still points into the original.
    }
    engine.seal(key, batch.jobs);
    plain->seal(key, expected.jobs);
    REQUIRE(batch.bytes == expected.bytes);

    // One forged packet in some batches: it alone fails, whoever opens it.
    const std::size_t forged = random() % (2 * batch.jobs.size());
    if (forged < batch.jobs.size()) batch.jobs[forged].out[batch.jobs[forged].length] ^= 1;
    batch.add_to_lengths(static_cast<int>(kTag));
    engine.open(key, batch.jobs);
    for (std::size_t i = 0; i < batch.jobs.size(); ++i) REQUIRE(batch.jobs[i].ok == (i != forged));
  }
}

}  // namespace

TEST_CASE("handoff: every packet is done once, with helpers that are prompt, late or asleep") {
  struct Row {
    std::size_t helpers;
    std::uint32_t one_in;
    Duration longest;
  };
  for (const Row& row : {Row{1, 0, 1us}, Row{3, 0, 1us}, Row{2, 2, 200us}, Row{3, 1, 2ms}}) {
    Handoff handoff(row.helpers + 1, HandoffMode::always);
    DelayedEngine own(99, row.one_in, row.longest);
    HandoffEngine giver(handoff, 0, own, [] {});
    std::vector<std::unique_ptr<Helper>> helpers;
    for (std::size_t id = 1; id <= row.helpers; ++id) {
      helpers.push_back(std::make_unique<Helper>(handoff, id, row.one_in, row.longest));
    }
    check_rounds(giver, 200, static_cast<std::uint32_t>(row.helpers));
    CHECK(giver.handed() + giver.taken_back() > 0);
  }
}

TEST_CASE("handoff: all give and help each other at once, and nobody waits for ever") {
  constexpr std::size_t kWorkers = 3;
  Handoff handoff(kWorkers, HandoffMode::always);
  std::vector<std::unique_ptr<DelayedEngine>> own;
  std::vector<std::unique_ptr<HandoffEngine>> engines;
  for (std::uint32_t id = 0; id < kWorkers; ++id) {
    own.push_back(std::make_unique<DelayedEngine>(id + 1, 8, 50us));
    engines.push_back(std::make_unique<HandoffEngine>(handoff, id, *own[id], [] {}));
  }
  std::vector<std::thread> threads;
  for (std::uint32_t id = 0; id < kWorkers; ++id) {
    threads.emplace_back([&, id] {
      const SystemClock clock;
      for (std::uint32_t turn = 0; turn < 60; ++turn) {
        check_rounds(*engines[id], 1, id * 1000 + turn);
        (void)engines[id]->pause(clock);
        engines[id]->resume(clock);
      }
    });
  }
  // Who ends leaves offers behind that nobody looks at any more: their givers take them back.
  for (std::thread& thread : threads) thread.join();
}

TEST_CASE("handoff: a helper that never comes costs nothing but the packets' own time") {
  Handoff handoff(2, HandoffMode::always);
  DelayedEngine own(1, 0, 1us);
  int rung = 0;
  HandoffEngine giver(handoff, 0, own, [] {});
  HandoffEngine absent(handoff, 1, own, [&] { ++rung; });
  ManualClock clock;
  REQUIRE(absent.pause(clock));  // asleep from here
  check_rounds(giver, 20, 5);
  CHECK(giver.handed() == 0);
  CHECK(giver.taken_back() > 0);
  CHECK(rung > 0);
}

TEST_CASE("handoff: small batches and single packets stay where they are") {
  Handoff handoff(2, HandoffMode::always);
  DelayedEngine own(1, 0, 1us);
  int rung = 0;
  HandoffEngine giver(handoff, 0, own, [] {});
  HandoffEngine other(handoff, 1, own, [&] { ++rung; });
  ManualClock clock;
  REQUIRE(other.pause(clock));
  std::minstd_rand random(3);
  const Key key = key_of(1);
  for (int i = 0; i < 50; ++i) {
    Batch batch(random, 20, 1424);  // less than two shares
    giver.seal(key, batch.jobs);
  }
  CHECK(rung == 0);
  CHECK(giver.taken_back() == 0);
}

TEST_CASE("handoff: an offer made while a helper falls asleep is seen or rung for") {
  Handoff handoff(2, HandoffMode::always);
  DelayedEngine own(1, 0, 1us);
  HandoffEngine giver(handoff, 0, own, [] {});
  Helper helper(handoff, 1, 0, 1us);
  // With pauses of the giver around the helper's patience, it is asleep, awake or between.
  for (int i = 0; i < 50; ++i) {
    check_rounds(giver, 2, static_cast<std::uint32_t>(i));
    std::this_thread::sleep_for(Duration(50us) * (i % 5));
  }
  CHECK(giver.handed() + giver.taken_back() > 0);
}

TEST_CASE("handoff: automatic help begins with a full processor and ends when it is idle") {
  LoadMeter meter;
  const Instant start{1'000'000'000};
  meter.note(start, 0ms);
  CHECK_FALSE(meter.is_due(start + 9ms));
  CHECK(meter.is_due(start + 10ms));
  meter.note(start + 10ms, 10ms);
  CHECK(meter.load() == LoadMeter::Load::busy);
  meter.note(start + 20ms, 16ms);  // 60 %, as after help has come
  CHECK(meter.load() == LoadMeter::Load::usual);
  meter.note(start + 30ms, 17ms);
  CHECK(meter.load() == LoadMeter::Load::idle);
}

TEST_CASE("handoff: help that comes too late is not asked for again for longer and longer") {
  HandoffTrial trial;
  Instant now{1'000'000'000};
  CHECK(trial.may_try(now));
  trial.note_window(now, 90, 10);
  CHECK(trial.may_try(now));
  trial.note_window(now, 90, 110);  // none came in time
  CHECK_FALSE(trial.may_try(now + 99ms));
  CHECK(trial.may_try(now + 100ms));
  trial.note_window(now, 90, 210);
  CHECK_FALSE(trial.may_try(now + 199ms));
  CHECK(trial.may_try(now + 200ms));
  for (int i = 0; i < 20; ++i) trial.note_window(now, 90, 310 + static_cast<unsigned>(i) * 100);
  CHECK_FALSE(trial.may_try(now + 59s));
  CHECK(trial.may_try(now + 60s));
  trial.note_window(now + 60s, 1'000'000, 2'300);  // help came: the next failure pauses briefly
  trial.note_window(now + 60s, 1'000'000, 3'000);
  CHECK_FALSE(trial.may_try(now + 60s + 99ms));
  CHECK(trial.may_try(now + 60s + 100ms));
}

}  // namespace xm::test
