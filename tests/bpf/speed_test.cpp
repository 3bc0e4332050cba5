// What a packet costs in test runs, printed and not judged: the machine may be busy.
#include <bpf/bpf.h>

#include <cstdio>
#include <cstdlib>

#include "tests/bpf/rows.hpp"
#include "xdpmesh/fd.hpp"

namespace xm::test {
namespace {

// A program that passes everything: what a test run itself costs.
Fd empty_program() {
  const bpf_insn instructions[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K,
       .dst_reg = BPF_REG_0,
       .src_reg = 0,
       .off = 0,
       .imm = XDP_PASS},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
  };
  return Fd(bpf_prog_load(BPF_PROG_TYPE_XDP, "empty", "GPL", instructions, std::size(instructions),
                          nullptr));
}

// Nanoseconds a packet, the least of several runs; the action it ends with.
std::uint32_t least_time(int program, const Frame& frame, std::uint32_t* action) {
  std::uint32_t least = UINT32_MAX;
  const int repeat = std::getenv("XM_FULL") != nullptr ? 1'000'000 : 20'000;
  for (int i = 0; i < 7; ++i) {
    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.data_in = frame.data();
    options.data_size_in = static_cast<std::uint32_t>(frame.size());
    options.repeat = repeat;
    REQUIRE(bpf_prog_test_run_opts(program, &options) == 0);
    least = std::min(least, options.duration);
    *action = options.retval;
  }
  return least;
}

}  // namespace

TEST_CASE("XDP program: the time of a packet is printed") {
  with_lab([](SteerLab& lab) {
    const Fd empty = empty_program();
    REQUIRE(empty);
    const Row rows[] = {
        {"data to AF_XDP, IPv4", data4(), XM_ROW_ENDS(REDIRECT, redirect)},
        {"data to AF_XDP, IPv6", data6(), XM_ROW_ENDS(REDIRECT, redirect)},
        {"data to AF_XDP, QinQ", data6([](FrameSpec& spec) {
           spec.tags = {{0x88a8, 1}, {0x8100, 2}};
         }),
         XM_ROW_ENDS(REDIRECT, redirect)},
        {"data, unknown index", message4(data_message(kUnknown, 7)),
         XM_ROW_ENDS(DROP, drop_unknown_index)},
        {"data, replayed", message4(data_message(kUsed, kHighest)),
         XM_ROW_ENDS(DROP, drop_counter_replayed)},
        {"TCP", data4([](FrameSpec& spec) { spec.packet.protocol = 6; }),
         XM_ROW_ENDS(PASS, pass_not_udp)},
        {"initiation, good", message4(initiation(kKey)), XM_ROW_ENDS(PASS, pass_handshake)},
        {"initiation, bad", message4(initiation(kForeignKey)), XM_ROW_ENDS(DROP, drop_bad_mac1)},
        {"response, bad", message4(response(kForeignKey)), XM_ROW_ENDS(DROP, drop_bad_mac1)},
    };
    std::uint32_t action = 0;
    std::printf("%6u ns  an empty program\n", least_time(empty.get(), rows[0].frame, &action));
    for (const Row& row : rows) {
      lab.apply(ordinary());
      const std::uint32_t time = least_time(lab.program(), row.frame, &action);
      std::printf("%6u ns  %s\n", time, row.why.c_str());
      // The heartbeat may have grown old meanwhile: then it was a packet to the kernel's socket.
      CHECK((action == row.action || row.action == XDP_REDIRECT));
    }
  });
}

}  // namespace xm::test
