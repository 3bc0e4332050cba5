// The choice of engines by what they do on this CPU: tables of CPU models would be wrong on the
// next.
#include <algorithm>
#include <array>
#include <ctime>
#include <limits>

#include "agent/crypto/aead.hpp"

namespace xm {
namespace {

constexpr std::size_t kBatch = 16;
constexpr std::uint32_t kSmallSize = 64;
constexpr std::uint32_t kLargeSize = 1424;
constexpr int kRounds = 6;
constexpr std::uint64_t kBudget = 500'000;  // ns for one engine at one size in one round

// Of this thread's CPU time: what else runs on the machine must not decide.
std::uint64_t thread_nanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

// One batch to seal in place and to open again.
class Batch {
 public:
  explicit Batch(std::uint32_t size) : size_(size), buffer_(kBatch * (size + kAeadTagSize)) {}

  void seal_and_open(AeadEngine& engine, const Key& key) {
    aim(size_);
    engine.seal(key, jobs_);
    aim(size_ + static_cast<std::uint32_t>(kAeadTagSize));
    engine.open(key, jobs_);
  }

 private:
  void aim(std::uint32_t length) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      std::uint8_t* at = buffer_.data() + i * (size_ + kAeadTagSize);
      jobs_[i] = AeadJob{.counter = i, .in = at, .out = at, .length = length, .ok = false};
    }
  }

  std::uint32_t size_;
  std::vector<std::uint8_t> buffer_;
  std::array<AeadJob, kBatch> jobs_;
};

// Nanoseconds for one packet to be sealed or opened: the mean of the two, in the best batch.
std::uint64_t measure(AeadEngine& engine, std::uint32_t size) {
  const Key key;
  Batch batch(size);
  batch.seal_and_open(engine, key);  // warms caches, and the CPU's wide registers
  std::uint64_t best = std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t start = thread_nanoseconds();
  for (std::uint64_t before = start; before - start < kBudget;) {
    batch.seal_and_open(engine, key);
    const std::uint64_t after = thread_nanoseconds();
    best = std::min(best, after - before);
    before = after;
  }
  return best / (2 * kBatch);
}

struct Contender {
  AeadKind kind;
  std::unique_ptr<AeadEngine> engine;
  std::uint64_t best = 0;
};

// The fastest at `size`; appends everyone's figure to `reason`. The engines take turns, so that a
// disturbance or a change of the clock rate meets all of them.
AeadKind race(std::vector<Contender>& contenders, std::uint32_t size, std::string& reason) {
  for (Contender& each : contenders) each.best = std::numeric_limits<std::uint64_t>::max();
  for (int round = 0; round < kRounds; ++round) {
    for (Contender& each : contenders) each.best = std::min(each.best, measure(*each.engine, size));
  }
  reason += (reason.empty() ? "" : "; ") + std::to_string(size) + " B";
  for (const Contender& each : contenders) {
    reason += (&each == contenders.data() ? " " : ", ") + std::string(aead_name(each.kind)) + " " +
              std::to_string(each.best) + " ns";
  }
  return std::min_element(contenders.begin(), contenders.end(),
                          [](const Contender& a, const Contender& b) { return a.best < b.best; })
      ->kind;
}

}  // namespace

AeadChoice measure_aead_engines() {
  std::vector<Contender> contenders;
  for (const AeadKind kind : available_aead_kinds()) {
    auto engine = make_aead_engine(kind);
    if (engine.ok()) contenders.push_back(Contender{kind, std::move(engine).value()});
  }
  AeadChoice choice;
  choice.small = race(contenders, kSmallSize, choice.reason);
  choice.large = race(contenders, kLargeSize, choice.reason);
  choice.reason.insert(0, "measured: ");
  return choice;
}

}  // namespace xm
