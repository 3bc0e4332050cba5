// On the real object in the kernel; its verdicts are tests/bpf's subject.
#include "loader/steer_program.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <doctest/doctest.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

#include "steer.skel.h"
#include "tests/unit/loader/needs_bpf.hpp"

using namespace xm;

namespace {

bool is_local(const SteerProgram& program, const char* text) {
  const xm_address key = to_xm_address(*IpAddress::parse(text));
  std::uint32_t value = 0;
  return bpf_map_lookup_elem(bpf_map__fd(program.object().maps.xm_local), &key, &value) == 0;
}

std::vector<IpAddress> addresses(const std::vector<const char*>& texts) {
  std::vector<IpAddress> parsed;
  for (const char* text : texts) parsed.push_back(*IpAddress::parse(text));
  return parsed;
}

}  // namespace

TEST_CASE("a loaded program has an id and a tag, and another load of it the same tag") {
  XM_NEEDS_BPF();
  auto shared = SharedMaps::create(16);
  REQUIRE(shared.ok());
  auto first = SteerProgram::load(*shared);
  REQUIRE_MESSAGE(first.ok(), first.error().what);
  auto second = SteerProgram::load(*shared);
  REQUIRE(second.ok());
  CHECK(first->id() != second->id());
  CHECK(first->tag().size() == 16);
  CHECK(first->tag() == second->tag());
}

TEST_CASE("programs of one agent share sessions, and nothing else") {
  XM_NEEDS_BPF();
  auto shared = SharedMaps::create(16);
  REQUIRE(shared.ok());
  auto first = SteerProgram::load(*shared);
  auto second = SteerProgram::load(*shared);
  REQUIRE(first.ok());
  REQUIRE(second.ok());
  const std::uint32_t index = 5;
  REQUIRE(shared->put_session(index, {1, XM_SESSION_LIVE, 1}).ok());
  for (SteerProgram* program : {&*first, &*second}) {
    xm_session found{};
    const int map = bpf_map__fd(program->object().maps.xm_sessions);
    CHECK(bpf_map_lookup_elem(map, &index, &found) == 0);
  }
  first->config().flags = XM_FLAG_REDIRECT;
  first->queues()[0].heartbeat = 7;
  CHECK(second->config().flags == 0);
  CHECK(second->queues()[0].heartbeat == 0);
}

TEST_CASE("configuration and heartbeats are in the maps as they are stored") {
  XM_NEEDS_BPF();
  auto shared = SharedMaps::create(16);
  REQUIRE(shared.ok());
  auto program = SteerProgram::load(*shared);
  REQUIRE(program.ok());
  CHECK(program->config().abi_version == 0);
  program->config().largest_frame = 1790;
  program->queues()[63].heartbeat = 123;

  const std::uint32_t zero = 0;
  const std::uint32_t last = XM_MAX_QUEUES - 1;
  xm_config config{};
  xm_queue queue{};
  const auto& maps = program->object().maps;
  REQUIRE(bpf_map_lookup_elem(bpf_map__fd(maps.xm_config), &zero, &config) == 0);
  REQUIRE(bpf_map_lookup_elem(bpf_map__fd(maps.xm_queues), &last, &queue) == 0);
  CHECK(config.largest_frame == 1790);
  CHECK(queue.heartbeat == 123);
}

TEST_CASE("xm_local follows the list of addresses, IPv4 in its mapped form") {
  XM_NEEDS_BPF();
  auto shared = SharedMaps::create(16);
  REQUIRE(shared.ok());
  auto program = SteerProgram::load(*shared);
  REQUIRE(program.ok());
  REQUIRE(program->set_locals(addresses({"192.0.2.1", "2001:db8::1"})).ok());
  CHECK(is_local(*program, "192.0.2.1"));
  CHECK(is_local(*program, "::ffff:192.0.2.1"));
  CHECK(is_local(*program, "2001:db8::1"));
  REQUIRE(program->set_locals(addresses({"2001:db8::1", "192.0.2.2"})).ok());
  CHECK_FALSE(is_local(*program, "192.0.2.1"));
  CHECK(is_local(*program, "192.0.2.2"));
  CHECK(is_local(*program, "2001:db8::1"));
  REQUIRE(program->set_locals({}).ok());
  CHECK_FALSE(is_local(*program, "2001:db8::1"));
}

TEST_CASE("more local addresses than the map holds are an error that leaves a working map") {
  XM_NEEDS_BPF();
  auto shared = SharedMaps::create(16);
  REQUIRE(shared.ok());
  auto program = SteerProgram::load(*shared);
  REQUIRE(program.ok());
  std::vector<IpAddress> many;
  for (unsigned i = 0; i < 4 * XM_MAX_LOCAL; ++i) {
    many.push_back(
        *IpAddress::parse("10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256)));
  }
  const Status status = program->set_locals(many);
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().os_errno == E2BIG);
  CHECK(is_local(*program, "10.0.0.0"));
  CHECK(program->set_locals(addresses({"192.0.2.1"})).ok());
  CHECK(is_local(*program, "192.0.2.1"));
  CHECK_FALSE(is_local(*program, "10.0.0.0"));
}

TEST_CASE("only AF_XDP sockets enter xm_xsks, and an empty queue may be cleared") {
  XM_NEEDS_BPF();
  auto shared = SharedMaps::create(16);
  REQUIRE(shared.ok());
  auto program = SteerProgram::load(*shared);
  REQUIRE(program.ok());
  const Fd wrong(::socket(AF_INET, SOCK_DGRAM, 0));
  CHECK_FALSE(program->set_socket(0, wrong.get()).ok());
  const Fd right(::socket(AF_XDP, SOCK_RAW, 0));
  if (right) {
    CHECK(program->set_socket(0, right.get()).ok());
    CHECK_FALSE(program->set_socket(XM_MAX_QUEUES, right.get()).ok());
    CHECK(program->clear_socket(0).ok());
  }
  CHECK(program->clear_socket(1).ok());
}

TEST_CASE("a program over another's maps finds them emptied, and the statistics kept") {
  XM_NEEDS_BPF();
  auto shared = SharedMaps::create(16);
  REQUIRE(shared.ok());
  auto first = SteerProgram::load(*shared);
  REQUIRE(first.ok());
  first->config().abi_version = XM_ABI_VERSION;
  first->queues()[3].heartbeat = 99;
  REQUIRE(first->set_locals(addresses({"192.0.2.1"})).ok());
  std::vector<std::uint8_t> packet(60);
  bpf_test_run_opts options{};
  options.sz = sizeof(options);
  options.data_in = packet.data();
  options.data_size_in = static_cast<std::uint32_t>(packet.size());
  options.repeat = 1;
  REQUIRE(bpf_prog_test_run_opts(first->program_fd(), &options) == 0);

  const auto& maps = first->object().maps;
  const auto copy = [](const bpf_map* map) { return Fd(dup(bpf_map__fd(map))); };
  auto second = SteerProgram::load_over(
      *shared, {copy(maps.xm_config), copy(maps.xm_local), copy(maps.xm_xsks), copy(maps.xm_queues),
                copy(maps.xm_stats)});
  REQUIRE_MESSAGE(second.ok(), second.error().what);
  CHECK(first->config().abi_version == 0);
  CHECK(second->queues()[3].heartbeat == 0);
  CHECK_FALSE(is_local(*second, "192.0.2.1"));
  const auto verdicts = second->verdicts();
  REQUIRE(verdicts.ok());
  std::uint64_t packets = 0;
  for (const xm_stat& stat : verdicts.value()) packets += stat.packets;
  CHECK(packets == 1);
}
