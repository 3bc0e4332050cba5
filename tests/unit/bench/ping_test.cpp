#include "agent/bench/ping.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/bench/samples.hpp"

namespace xm::bench {

TEST_CASE("ping: every single round trip, and not the summary's") {
  CHECK(parse_ping(test::read_sample("ping.txt")) ==
        std::vector<double>{0.034, 0.040, 0.033, 0.037, 0.035, 0.035});
}

TEST_CASE("ping: no answer, no round trips") {
  CHECK(parse_ping(test::read_sample("ping_unanswered.txt")).empty());
  CHECK(parse_ping("").empty());
  CHECK(parse_ping("ping: connect: Network is unreachable\n").empty());
}

TEST_CASE("ping: duplicates and broken lines are left out") {
  CHECK(parse_ping("64 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=1.5 ms\n"
                   "64 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=1.9 ms (DUP!)\n"
                   "64 bytes from 10.0.0.1: icmp_seq=2 ttl=64 time=x ms\n"
                   "64 bytes from 10.0.0.1: icmp_seq=3 ttl=64 time=\n"
                   "64 bytes from 10.0.0.1: icmp_seq=4 ttl=64 time=12 ms\n"
                   "64 bytes from 10.0.0.1: icmp_seq=5 ttl=64 time=1.") ==
        std::vector<double>{1.5, 12});
}

TEST_CASE("ping: a hundred requests a second") {
  const auto command = ping_command("10.0.0.1", 3);
  CHECK(command.back() == "10.0.0.1");
  CHECK(std::find(command.begin(), command.end(), "300") != command.end());
}

}  // namespace xm::bench
