// A name service of the test's own: what it knows, what it was asked, and a gate that holds it up.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "agent/io/resolver.hpp"

namespace xm::test {

// What test and resolver share; outlives both.
struct NameWorld {
  std::map<std::string, std::vector<IpAddress>> addresses;
  std::map<std::string, std::vector<std::uint8_t>> services;  // SRV answers
  std::map<std::string, std::vector<std::uint8_t>> texts;     // TXT answers

  std::mutex mutex;
  std::condition_variable changed;
  bool held = false;               // questions wait while it is
  bool gone = false;               // the resolver has been destroyed
  std::vector<std::string> asked;  // "a NAME", "srv NAME", "txt NAME"

  void ask(const std::string& question) {
    std::unique_lock lock(mutex);
    asked.push_back(question);
    changed.notify_all();
    changed.wait(lock, [&] { return !held; });
  }
  void set_held(bool now) {
    const std::lock_guard lock(mutex);
    held = now;
    changed.notify_all();
  }
  void wait_until_asked(std::size_t questions) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return asked.size() >= questions; });
  }
  void wait_until_gone() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return gone; });
  }
};

class FakeResolver final : public Resolver {
 public:
  explicit FakeResolver(std::shared_ptr<NameWorld> world) : world_(std::move(world)) {}
  ~FakeResolver() override {
    const std::lock_guard lock(world_->mutex);
    world_->gone = true;
    world_->changed.notify_all();
  }

  [[nodiscard]] Result<std::vector<IpAddress>> addresses(const std::string& host) override {
    world_->ask("a " + host);
    const auto found = world_->addresses.find(host);
    if (found == world_->addresses.end()) return Error{host + ": Name or service not known"};
    return found->second;
  }
  [[nodiscard]] Result<std::vector<std::uint8_t>> records(const std::string& name,
                                                          RecordType type) override {
    world_->ask((type == RecordType::srv ? "srv " : "txt ") + name);
    auto& known = type == RecordType::srv ? world_->services : world_->texts;
    return known[name];
  }

 private:
  std::shared_ptr<NameWorld> world_;
};

}  // namespace xm::test
