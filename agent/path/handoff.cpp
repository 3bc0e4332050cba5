#include "agent/path/handoff.hpp"

#include <algorithm>
#include <ctime>
#include <thread>
#include <utility>

namespace xm {
namespace {

// How long a helper looks again before it sleeps: a few batches of a busy worker.
constexpr Duration kPatience = 100us;
// Turns between two looks at the clock.
constexpr std::uint32_t kTurnsPerLook = 16;
// How often a giver looks for a share that is being worked on before it lets others run.
constexpr int kSpins = 4096;

void pause_processor() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

Duration thread_time() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + Duration(time.tv_nsec);
}

std::size_t bytes_of(std::span<const AeadJob> jobs) {
  std::size_t bytes = 0;
  for (const AeadJob& job : jobs) bytes += job.length;
  return bytes;
}

// How many jobs at the front have `bytes` together, at least one.
std::size_t jobs_with(std::span<const AeadJob> jobs, std::size_t bytes) {
  std::size_t count = 0;
  for (std::size_t sum = 0; count < jobs.size() && (count == 0 || sum < bytes); ++count) {
    sum += jobs[count].length;
  }
  return count;
}

}  // namespace

Handoff::Handoff(std::size_t workers, HandoffMode mode)
    : workers_(workers), mode_(mode), shares_(workers * workers), presences_(workers) {}

HandoffEngine::HandoffEngine(Handoff& handoff, std::size_t worker, AeadEngine& own,
                             std::function<void()> wake)
    : handoff_(handoff), worker_(worker), own_(own) {
  handoff_.presences_[worker_].wake = std::move(wake);
  on_.store(handoff_.mode() == HandoffMode::always, std::memory_order_relaxed);
}

// --- Giving --------------------------------------------------------------------------------------

void HandoffEngine::seal(const Key& key, std::span<AeadJob> jobs) {
  run(true, key, jobs);
}

void HandoffEngine::open(const Key& key, std::span<AeadJob> jobs) {
  run(false, key, jobs);
}

void HandoffEngine::run(bool seal, const Key& key, std::span<AeadJob> jobs) {
  if (is_on()) return share_out(seal, key, jobs);
  do_own(seal, key, jobs);
}

void HandoffEngine::do_own(bool seal, const Key& key, std::span<AeadJob> jobs) {
  if (seal) {
    own_.seal(key, jobs);
  } else {
    own_.open(key, jobs);
  }
}

void HandoffEngine::share_out(bool seal, const Key& key, std::span<AeadJob> jobs) {
  const std::size_t bytes = bytes_of(jobs);
  const std::size_t parts = std::max<std::size_t>(1, bytes / kLeastShare);
  Helpers helpers{};
  const std::size_t found = find_helpers(std::min(kMostHelpers, parts - 1), helpers);
  const std::size_t part = bytes / (found + 1);

  // The first part is this worker's own; the helpers begin meanwhile.
  std::span<AeadJob> rest = jobs.subspan(jobs_with(jobs, part));
  const std::span<AeadJob> first = jobs.first(jobs.size() - rest.size());
  std::size_t offered = 0;
  for (; offered < found && rest.size() > 1; ++offered) {
    const std::size_t count =
        offered + 1 == found ? rest.size() : std::max<std::size_t>(2, jobs_with(rest, part));
    offer(helpers[offered], seal, key, rest.first(count));
    rest = rest.subspan(count);
  }
  do_own(seal, key, first);
  for (std::size_t i = 0; i < offered; ++i) collect(helpers[i]);
  if (!rest.empty()) do_own(seal, key, rest);
}

// Others that are not on a batch of their own and have given back what they had of this worker's.
std::size_t HandoffEngine::find_helpers(std::size_t wanted, Helpers& helpers) {
  std::size_t found = 0;
  for (std::size_t step = 1; step < handoff_.workers() && found < wanted; ++step) {
    const std::size_t other = (worker_ + step) % handoff_.workers();
    if (handoff_.presences_[other].state.load(std::memory_order_relaxed) ==
        Handoff::Presence::working) {
      continue;
    }
    helpers[found++] = other;
  }
  return found;
}

void HandoffEngine::offer(std::size_t helper, bool seal, const Key& key, std::span<AeadJob> jobs) {
  Handoff::Share& share = handoff_.share(worker_, helper);
  share.seal = seal;
  share.key = &key;
  share.jobs = jobs;
  // Sequentially consistent with the helper's `waiting` and its last look: one of the two sees the
  // other.
  share.state.store(Handoff::Share::offered, std::memory_order_seq_cst);
  Handoff::Presence& presence = handoff_.presences_[helper];
  if (presence.state.load(std::memory_order_seq_cst) == Handoff::Presence::waiting) presence.wake();
}

// Takes the share back, done by the helper, or by this worker when nobody has begun.
void HandoffEngine::collect(std::size_t helper) {
  Handoff::Share& share = handoff_.share(worker_, helper);
  const std::size_t packets = share.jobs.size();
  auto state = Handoff::Share::offered;
  if (share.state.compare_exchange_strong(state, Handoff::Share::none, std::memory_order_acquire)) {
    do_own(share.seal, *share.key, share.jobs);
    return taken_back_.add(packets);
  }
  for (int spins = 0; share.state.load(std::memory_order_acquire) != Handoff::Share::done;) {
    if (++spins < kSpins) {
      pause_processor();
    } else {
      std::this_thread::yield();  // the helper has lost its processor
    }
  }
  share.state.store(Handoff::Share::none, std::memory_order_relaxed);
  handed_.add(packets);
}

// --- Helping -------------------------------------------------------------------------------------

bool HandoffEngine::take_offers() {
  bool any = false;
  for (std::size_t giver = 0; giver < handoff_.workers(); ++giver) {
    Handoff::Share& share = handoff_.share(giver, worker_);
    auto state = Handoff::Share::offered;
    if (share.state.load(std::memory_order_relaxed) != state ||
        !share.state.compare_exchange_strong(state, Handoff::Share::taken,
                                             std::memory_order_acquire)) {
      continue;
    }
    do_own(share.seal, *share.key, share.jobs);
    helped_.add(share.jobs.size());
    share.state.store(Handoff::Share::done, std::memory_order_release);
    any = true;
  }
  return any;
}

bool HandoffEngine::is_offered() {
  for (std::size_t giver = 0; giver < handoff_.workers(); ++giver) {
    if (handoff_.share(giver, worker_).state.load(std::memory_order_seq_cst) ==
        Handoff::Share::offered) {
      return true;
    }
  }
  return false;
}

bool HandoffEngine::pause(const Clock& clock) {
  Handoff::Presence& presence = handoff_.presences_[worker_];
  if (take_offers()) {
    patience_ends_ = clock.now() + kPatience;
  } else if (!patience_ends_.is_never()) {
    const Instant now = clock.now();
    if (now >= patience_ends_) {
      patience_ends_ = {};
      meter_.restart(now, thread_time());
    }
  }
  if (!patience_ends_.is_never()) {
    presence.state.store(Handoff::Presence::looking, std::memory_order_relaxed);
    return false;
  }
  presence.state.store(Handoff::Presence::waiting, std::memory_order_seq_cst);
  return !is_offered();
}

void HandoffEngine::resume(const Clock& clock) {
  handoff_.presences_[worker_].state.store(Handoff::Presence::working, std::memory_order_relaxed);
  // While it looks for offers its processor time says nothing of its own load.
  if (handoff_.mode() != HandoffMode::automatic || !patience_ends_.is_never()) return;
  if (++turns_ % kTurnsPerLook != 0) return;
  const Instant now = clock.now();
  if (!meter_.is_due(now)) return;
  meter_.note(now, thread_time());
  trial_.note_window(now, handed_.value(), taken_back_.value());
  const bool wanted =
      meter_.load() == LoadMeter::Load::busy || (is_on() && meter_.load() != LoadMeter::Load::idle);
  on_.store(wanted && trial_.may_try(now), std::memory_order_relaxed);
}

}  // namespace xm
