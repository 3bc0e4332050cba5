// The walks' engine with other threads that help, as a busy worker has them: awake, each on a
// processor of its own where there are enough.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "agent/path/handoff.hpp"

namespace xm {

class HelpedEngine final : public AeadEngine {
 public:
  // `own` is the first worker's, `helpers` one for each of the others.
  HelpedEngine(std::unique_ptr<AeadEngine> own, std::vector<std::unique_ptr<AeadEngine>> helpers)
      : handoff_(helpers.size() + 1, HandoffMode::always),
        own_(std::move(own)),
        helpers_(std::move(helpers)),
        giver_(handoff_, 0, *own_, [] {}) {
    for (std::size_t i = 0; i < helpers_.size(); ++i) {
      threads_.emplace_back([this, id = i + 1, engine = helpers_[i].get()] {
        HandoffEngine helper(handoff_, id, *engine, [] {});
        const SystemClock clock;
        ready_.fetch_add(1);
        while (!stopping_.load(std::memory_order_relaxed)) (void)helper.pause(clock);
        helper.resume(clock);
      });
    }
    while (ready_.load() != helpers_.size()) std::this_thread::yield();
  }
  ~HelpedEngine() override {
    stopping_.store(true);
    for (std::thread& thread : threads_) thread.join();
  }

  void seal(const Key& key, std::span<AeadJob> jobs) override { giver_.seal(key, jobs); }
  void open(const Key& key, std::span<AeadJob> jobs) override { giver_.open(key, jobs); }
  [[nodiscard]] std::string description() const override {
    return giver_.description() + ", " + std::to_string(helpers_.size()) +
           (helpers_.size() == 1 ? " helper" : " helpers");
  }

  [[nodiscard]] std::uint64_t handed() const { return giver_.handed(); }
  [[nodiscard]] std::uint64_t taken_back() const { return giver_.taken_back(); }

 private:
  Handoff handoff_;
  std::unique_ptr<AeadEngine> own_;
  std::vector<std::unique_ptr<AeadEngine>> helpers_;
  HandoffEngine giver_;
  std::atomic<std::size_t> ready_{0};
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> threads_;
};

}  // namespace xm
