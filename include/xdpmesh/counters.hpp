// Counters with one writer thread and any number of readers.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "xdpmesh/drop.h"

namespace xm {

// A count that one thread raises and others read: no locked instruction is needed.
class Counter {
 public:
  void add(std::uint64_t by = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// One thread's counts of what died, by reason. Each worker and the control thread has its own;
// status adds them up.
class DropCounters {
 public:
  void count(xm_drop reason, std::uint64_t packets = 1) { by_reason_[reason].add(packets); }
  [[nodiscard]] std::uint64_t of(xm_drop reason) const { return by_reason_[reason].value(); }

 private:
  std::array<Counter, XM_DROP_COUNT> by_reason_;
};

[[nodiscard]] constexpr std::string_view drop_name(xm_drop reason) {
  constexpr std::array<std::string_view, XM_DROP_COUNT> kNames{
#define XM_DROP_NAME(name, text) #name,
      XM_DROP_REASONS(XM_DROP_NAME)
#undef XM_DROP_NAME
  };
  return kNames[reason];
}

[[nodiscard]] constexpr std::string_view drop_text(xm_drop reason) {
  constexpr std::array<std::string_view, XM_DROP_COUNT> kTexts{
#define XM_DROP_TEXT(name, text) text,
      XM_DROP_REASONS(XM_DROP_TEXT)
#undef XM_DROP_TEXT
  };
  return kTexts[reason];
}

[[nodiscard]] constexpr std::string_view verdict_name(xm_verdict verdict) {
  constexpr std::array<std::string_view, XM_VERDICT_COUNT> kNames{
#define XM_VERDICT_NAME(name, action, text) #name,
      XM_VERDICTS(XM_VERDICT_NAME)
#undef XM_VERDICT_NAME
  };
  return kNames[verdict];
}

[[nodiscard]] constexpr std::string_view verdict_text(xm_verdict verdict) {
  constexpr std::array<std::string_view, XM_VERDICT_COUNT> kTexts{
#define XM_VERDICT_TEXT(name, action, text) text,
      XM_VERDICTS(XM_VERDICT_TEXT)
#undef XM_VERDICT_TEXT
  };
  return kTexts[verdict];
}

}  // namespace xm
