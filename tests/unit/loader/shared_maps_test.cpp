// On the kernel's own maps.
#include "loader/shared_maps.hpp"

#include <bpf/bpf.h>
#include <doctest/doctest.h>

#include <cerrno>
#include <cstdint>

#include "tests/unit/loader/needs_bpf.hpp"

using namespace xm;

namespace {

std::size_t count_sessions(const SharedMaps& maps) {
  std::size_t count = 0;
  std::uint32_t key = 0;
  const std::uint32_t* previous = nullptr;
  while (bpf_map_get_next_key(maps.sessions_fd(), previous, &key) == 0) {
    previous = &key;
    ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("a session that is put is found by its receiver index until it is removed") {
  XM_NEEDS_BPF();
  auto maps = SharedMaps::create(16);
  REQUIRE(maps.ok());
  const std::uint32_t index = 0x12345678;
  REQUIRE(maps->put_session(index, {7, XM_SESSION_LIVE, 42}).ok());

  xm_session found{};
  REQUIRE(bpf_map_lookup_elem(maps->sessions_fd(), &index, &found) == 0);
  CHECK(found.slot == 7);
  CHECK(found.state == XM_SESSION_LIVE);
  CHECK(found.peer == 42);

  CHECK(maps->remove_session(index).ok());
  CHECK(bpf_map_lookup_elem(maps->sessions_fd(), &index, &found) != 0);
  CHECK_MESSAGE(maps->remove_session(index).ok(), "removing what is not there is no error");
}

TEST_CASE("a full map of sessions refuses with E2BIG and takes again after a removal") {
  XM_NEEDS_BPF();
  auto maps = SharedMaps::create(8);
  REQUIRE(maps.ok());
  CHECK(maps->slots() == 8);
  std::uint32_t index = 1;
  Status status;
  // A preallocated hash map holds a few more than asked on some kernels: one a processor.
  for (; index <= 4096; ++index) {
    status = maps->put_session(index, {XM_NO_SLOT, XM_SESSION_RESERVED, 1});
    if (!status) break;
  }
  REQUIRE_FALSE(status.ok());
  CHECK(index > 16);
  CHECK((status.error().os_errno == E2BIG || status.error().os_errno == ENOSPC));

  REQUIRE(maps->remove_session(1).ok());
  CHECK(maps->put_session(index, {XM_NO_SLOT, XM_SESSION_RESERVED, 1}).ok());

  REQUIRE(maps->clear_sessions().ok());
  CHECK(count_sessions(*maps) == 0);
}

TEST_CASE("what is stored through replay() is in the map, also after the object has moved") {
  XM_NEEDS_BPF();
  auto created = SharedMaps::create(4);
  REQUIRE(created.ok());
  const auto replay = created->replay();
  REQUIRE(replay.size() == 4);
  SharedMaps maps = std::move(created).value();
  replay[3].receiver_index = 99;
  replay[3].words[XM_REPLAY_WORDS - 1] = 1;
  replay[3].next = 5;

  xm_replay found{};
  const std::uint32_t slot = 3;
  REQUIRE(bpf_map_lookup_elem(maps.replay_fd(), &slot, &found) == 0);
  CHECK(found.receiver_index == 99);
  CHECK(found.words[XM_REPLAY_WORDS - 1] == 1);
  CHECK(found.next == 5);
}

TEST_CASE("a peer is written and cleared by its number, and none beyond the map") {
  XM_NEEDS_BPF();
  auto maps = SharedMaps::create(4);
  REQUIRE(maps.ok());
  xm_peer peer{};
  peer.id = 11;
  peer.endpoint_port = 51820;
  REQUIRE(maps->put_peer(XM_MAX_PEERS - 1, peer).ok());

  xm_peer found{};
  const std::uint32_t last = XM_MAX_PEERS - 1;
  REQUIRE(bpf_map_lookup_elem(maps->peers_fd(), &last, &found) == 0);
  CHECK(found.id == 11);
  CHECK(found.endpoint_port == 51820);
  CHECK(maps->clear_peer(last).ok());
  REQUIRE(bpf_map_lookup_elem(maps->peers_fd(), &last, &found) == 0);
  CHECK(found.id == 0);
  CHECK_FALSE(maps->put_peer(XM_MAX_PEERS, peer).ok());
}

TEST_CASE("the shared maps are typed: each has its BTF") {
  XM_NEEDS_BPF();
  auto maps = SharedMaps::create(4);
  REQUIRE(maps.ok());
  for (const int fd : {maps->sessions_fd(), maps->replay_fd(), maps->peers_fd()}) {
    bpf_map_info info{};
    std::uint32_t size = sizeof info;
    REQUIRE(bpf_obj_get_info_by_fd(fd, &info, &size) == 0);
    CAPTURE(info.name);
    CHECK(info.btf_value_type_id != 0);
    CHECK(info.btf_key_type_id != 0);
  }
}
