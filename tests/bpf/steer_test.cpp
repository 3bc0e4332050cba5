// The real object through BPF_PROG_TEST_RUN: verdict and counter of every kind of packet.
#include <bpf/bpf.h>
#include <doctest/doctest.h>
#include <linux/bpf.h>

#include <cerrno>
#include <cstdint>
#include <vector>

#include "loader/shared_maps.hpp"
#include "loader/steer_program.hpp"
#include "tests/support/skip.hpp"

namespace {

struct Row {
  const char* why;
  std::vector<std::uint8_t> packet;
  std::uint32_t verdict;
};

// An Ethernet header (both addresses zero) of this type, then zeroes up to `length`.
std::vector<std::uint8_t> ethernet(std::uint16_t type, std::size_t length) {
  std::vector<std::uint8_t> packet(length);
  packet[12] = static_cast<std::uint8_t>(type >> 8);
  packet[13] = static_cast<std::uint8_t>(type);
  return packet;
}

}  // namespace

TEST_CASE("the XDP program's verdict and counters") {
  auto shared = xm::SharedMaps::create();
  if (!shared && shared.error().os_errno == EPERM) XM_SKIP(shared.error().what);
  REQUIRE_MESSAGE(shared.ok(), shared.error().what);
  auto program = xm::SteerProgram::load(*shared);
  REQUIRE_MESSAGE(program.ok(), program.error().what);

  const Row rows[] = {
      {"shortest frame", ethernet(0x0800, 14), XDP_PASS},
      {"ARP is the kernel's", ethernet(0x0806, 42), XDP_PASS},
      {"an unknown type is the kernel's", ethernet(0x88b5, 60), XDP_PASS},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    const auto before = program->verdicts();
    REQUIRE(before.ok());

    bpf_test_run_opts options{};
    options.sz = sizeof(options);
    options.data_in = row.packet.data();
    options.data_size_in = static_cast<std::uint32_t>(row.packet.size());
    options.repeat = 1;
    REQUIRE(bpf_prog_test_run_opts(program->program_fd(), &options) == 0);
    CHECK(options.retval == row.verdict);

    const auto after = program->verdicts();
    REQUIRE(after.ok());
    for (std::uint32_t verdict = 0; verdict < XM_VERDICT_COUNT; ++verdict) {
      CAPTURE(verdict);
      const bool counted = verdict == XM_VERDICT_pass_not_ip;
      CHECK(after.value()[verdict].packets - before.value()[verdict].packets == (counted ? 1 : 0));
      CHECK(after.value()[verdict].bytes - before.value()[verdict].bytes ==
            (counted ? row.packet.size() : 0));
    }
  }
}
