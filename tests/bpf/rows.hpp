// The table of the XDP program's tests: {why, frame, action, verdict}, run by the kernel through
// the real object, and by the oracle, so that both say the same.
#pragma once

#include <doctest/doctest.h>
#include <linux/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/bpf/steer_oracle.hpp"
#include "tests/support/frame_builder.hpp"
#include "tests/support/steer_lab.hpp"
#include "tests/support/steer_world.hpp"
#include "tests/unit/io/own_namespace.hpp"

namespace xm::test {

inline constexpr std::uint32_t kUsed = 0x11223344;  // a session that has received: see ordinary()
inline constexpr std::uint32_t kNew = 0x55667788;   // one that has not
inline constexpr std::uint32_t kReserved = 0x01020304;  // announced, without keys
inline constexpr std::uint32_t kSlotless = 0x0a0b0c0d;  // live, its counters are not published
inline constexpr std::uint32_t kMoved = 0x0badcafe;     // its slot is another's by now
inline constexpr std::uint32_t kUnknown = 0xdeadbeef;
inline constexpr std::uint64_t kHighest = 20000;  // received on kUsed
inline constexpr PublicKey kKey = {1, 2, 3};      // port 51820's
inline constexpr PublicKey kForeignKey = {7, 8, 9};

inline SteerWorld ordinary() {
  SteerWorld world;
  world.add_session(kUsed, 0,
                    {kHighest - 8130, kHighest - 8128, kHighest - 64, kHighest - 2, kHighest});
  world.add_session(kNew, 1);
  world.sessions[kReserved] = {.live = false, .slot = {}};
  world.sessions[kSlotless] = {.live = true, .slot = {}};
  world.sessions[kMoved] = {.live = true, .slot = 0};
  world.mac1_keys = {{kKey, 51820}};
  return world;
}

using Change = std::function<void(FrameSpec&)>;

struct Row {
  std::string why;
  Frame frame;
  std::uint32_t action;
  std::uint32_t verdict;
  std::function<void(SteerWorld&)> otherwise = {};  // how the world differs from ordinary()
};
#define XM_ROW_ENDS(action, verdict) XDP_##action, XM_VERDICT_##verdict

inline Frame data4(const Change& change = {}) {
  FrameSpec spec = datagram4(data_message(kNew, 7));
  if (change) change(spec);
  return build_frame(spec);
}
inline Frame data6(const Change& change = {}) {
  FrameSpec spec = datagram6(data_message(kNew, 7));
  if (change) change(spec);
  return build_frame(spec);
}
inline Frame message4(std::vector<std::uint8_t> message) {
  return build_frame(datagram4(std::move(message)));
}
inline Frame message6(std::vector<std::uint8_t> message) {
  return build_frame(datagram6(std::move(message)));
}
inline Frame with_byte(Frame frame, std::size_t at, std::uint32_t value) {
  frame.at(at) = static_cast<std::uint8_t>(value);
  return frame;
}
inline Frame with_word(Frame frame, std::size_t at, std::uint32_t value) {
  set16(frame, at, value);
  return frame;
}
inline Frame cut(Frame frame, std::size_t size) {
  REQUIRE(size < frame.size());
  frame.resize(size);
  return frame;
}

inline void check_row(SteerLab& lab, const Row& row) {
  CAPTURE(row.why);
  SteerWorld world = ordinary();
  if (row.otherwise) row.otherwise(world);
  lab.apply(world);
  const auto before = lab.counts();
  lab.beat();
  CHECK(lab.run(row.frame) == row.action);
  const auto after = lab.counts();
  for (std::uint32_t verdict = 0; verdict < XM_VERDICT_COUNT; ++verdict) {
    CAPTURE(verdict);
    const std::uint64_t times = verdict == row.verdict ? 1 : 0;
    CHECK(after[verdict].packets - before[verdict].packets == times);
    CHECK(after[verdict].bytes - before[verdict].bytes == times * row.frame.size());
  }
  CHECK(SteerOracle(world).verdict(row.frame) == row.verdict);
}

// Runs `body` with the loaded object in a namespace of its own.
inline void with_lab(const std::function<void(SteerLab&)>& body) {
  std::string refused;
  const bool entered = in_own_namespace([&] {
    auto lab = SteerLab::load();
    if (!lab && lab.error().os_errno == EPERM) {
      refused = lab.error().what;
      return;
    }
    REQUIRE_MESSAGE(lab.ok(), lab.error().what);
    body(*lab.value());
  });
  if (!entered) refused = "no permission to make a network namespace (needs CAP_SYS_ADMIN)";
  if (!refused.empty()) XM_SKIP(refused);
}

inline void check_rows(const std::vector<Row>& rows) {
  with_lab([&](SteerLab& lab) {
    for (const Row& row : rows) check_row(lab, row);
  });
}

}  // namespace xm::test
