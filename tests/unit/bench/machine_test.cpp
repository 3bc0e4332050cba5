#include "agent/bench/machine.hpp"

#include <doctest/doctest.h>

namespace xm::bench {

TEST_CASE("machine: model and instruction sets of the first processor") {
  const Machine x86 = parse_cpuinfo(
      "processor\t: 0\nmodel name\t: AMD EPYC: 7B13\nflags\t\t: fpu sse2 avx2 avx512f vaes\n\n"
      "processor\t: 1\nmodel name\t: other\nflags\t\t: sve\n");
  CHECK(x86.cpu == "AMD EPYC: 7B13");
  CHECK(x86.instruction_sets == std::vector<std::string>{"avx2", "avx512f", "vaes"});
  const Machine arm = parse_cpuinfo("processor\t: 0\nFeatures\t: fp asimd aes\n");
  CHECK(arm.cpu.empty());
  CHECK(arm.instruction_sets == std::vector<std::string>{"asimd"});
  CHECK(parse_cpuinfo("no colon here\n:\n").instruction_sets.empty());
}

TEST_CASE("machine: this one has a kernel and cores") {
  const Machine machine = describe_machine();
  CHECK(machine.kernel.find("Linux ") == 0);
  CHECK(machine.cores > 0);
}

TEST_CASE("machine: the time is in ISO 8601") {
  const std::string now = utc_now();
  REQUIRE(now.size() == 20);
  CHECK(now[10] == 'T');
  CHECK(now.back() == 'Z');
}

}  // namespace xm::bench
