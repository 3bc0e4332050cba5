// The structs that the maps are made of lie in memory as this compiler lays them: compared by the
// object's own BTF, which is also what bpftool prints the maps by.
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "steer.skel.h"
#include "xdpmesh/abi.h"

namespace xm::test {
namespace {

struct Member {
  const char* name;
  std::size_t offset;
  std::size_t size;
};
#define XM_MEMBER(type, name) \
  { #name, offsetof(type, name), sizeof(type::name) }

struct Layout {
  const char* map;  // whose value it is, or nullptr
  const char* name;
  std::size_t size;
  std::vector<Member> members;
};

const std::vector<Layout>& layouts() {
  static const std::vector<Layout> all = {
      {"xm_stats",
       "xm_stat",
       sizeof(xm_stat),
       {XM_MEMBER(xm_stat, packets), XM_MEMBER(xm_stat, bytes)}},
      {nullptr,
       "xm_mac1",
       sizeof(xm_mac1),
       {XM_MEMBER(xm_mac1, chaining), XM_MEMBER(xm_mac1, port), XM_MEMBER(xm_mac1, reserved)}},
      {"xm_config",
       "xm_config",
       sizeof(xm_config),
       {XM_MEMBER(xm_config, abi_version), XM_MEMBER(xm_config, ifindex),
        XM_MEMBER(xm_config, network_namespace), XM_MEMBER(xm_config, heartbeat),
        XM_MEMBER(xm_config, flags), XM_MEMBER(xm_config, largest_frame),
        XM_MEMBER(xm_config, mac1_count), XM_MEMBER(xm_config, port_count),
        XM_MEMBER(xm_config, ports), XM_MEMBER(xm_config, mac), XM_MEMBER(xm_config, reserved),
        XM_MEMBER(xm_config, mac1)}},
      {nullptr, "xm_address", sizeof(xm_address), {XM_MEMBER(xm_address, octets)}},
      {"xm_sessions",
       "xm_session",
       sizeof(xm_session),
       {XM_MEMBER(xm_session, slot), XM_MEMBER(xm_session, state), XM_MEMBER(xm_session, peer)}},
      {"xm_replay",
       "xm_replay",
       sizeof(xm_replay),
       {XM_MEMBER(xm_replay, next), XM_MEMBER(xm_replay, receiver_index),
        XM_MEMBER(xm_replay, reserved), XM_MEMBER(xm_replay, words)}},
      {"xm_peers",
       "xm_peer",
       sizeof(xm_peer),
       {XM_MEMBER(xm_peer, id), XM_MEMBER(xm_peer, public_key), XM_MEMBER(xm_peer, name),
        XM_MEMBER(xm_peer, endpoint), XM_MEMBER(xm_peer, endpoint_port),
        XM_MEMBER(xm_peer, reserved), XM_MEMBER(xm_peer, received_bytes),
        XM_MEMBER(xm_peer, sent_bytes), XM_MEMBER(xm_peer, last_handshake)}},
      {"xm_queues",
       "xm_queue",
       sizeof(xm_queue),
       {XM_MEMBER(xm_queue, heartbeat), XM_MEMBER(xm_queue, mode), XM_MEMBER(xm_queue, worker),
        XM_MEMBER(xm_queue, reserved)}},
  };
  return all;
}

struct DestroySkeleton {
  void operator()(steer* skeleton) const { steer__destroy(skeleton); }
};

}  // namespace

TEST_CASE("XDP program: the maps' structs are laid out as here") {
  // Opened, not loaded: this needs no privilege.
  const std::unique_ptr<steer, DestroySkeleton> skeleton(steer__open());
  REQUIRE(skeleton != nullptr);
  const btf* types = bpf_object__btf(skeleton->obj);
  REQUIRE(types != nullptr);
  for (const Layout& layout : layouts()) {
    CAPTURE(layout.name);
    const int id = btf__find_by_name_kind(types, layout.name, BTF_KIND_STRUCT);
    REQUIRE(id > 0);
    const btf_type* type = btf__type_by_id(types, static_cast<std::uint32_t>(id));
    CHECK(type->size == layout.size);
    REQUIRE(btf_vlen(type) == layout.members.size());
    for (std::size_t i = 0; i < layout.members.size(); ++i) {
      const Member& member = layout.members[i];
      CAPTURE(member.name);
      const btf_member* theirs = btf_members(type) + i;
      CHECK(btf__name_by_offset(types, theirs->name_off) == std::string(member.name));
      CHECK(btf_member_bit_offset(type, static_cast<std::uint32_t>(i)) == 8 * member.offset);
      CHECK(btf__resolve_size(types, theirs->type) == static_cast<std::int64_t>(member.size));
    }
    if (layout.map == nullptr) continue;
    const bpf_map* map = bpf_object__find_map_by_name(skeleton->obj, layout.map);
    REQUIRE(map != nullptr);
    CHECK(bpf_map__btf_value_type_id(map) == static_cast<std::uint32_t>(id));
  }
}

TEST_CASE("XDP program: the maps are those of abi.h") {
  struct Expected {
    const char* name;
    bpf_map_type type;
    std::uint32_t entries;
    std::uint32_t flags;
  };
  const std::unique_ptr<steer, DestroySkeleton> skeleton(steer__open());
  REQUIRE(skeleton != nullptr);
  std::size_t maps = 0;
  for (const Expected& expected : {
           Expected{"xm_config", BPF_MAP_TYPE_ARRAY, 1, BPF_F_MMAPABLE},
           Expected{"xm_local", BPF_MAP_TYPE_HASH, XM_MAX_LOCAL, BPF_F_RDONLY_PROG},
           Expected{"xm_sessions", BPF_MAP_TYPE_HASH, 2 * XM_DEFAULT_SLOTS, BPF_F_RDONLY_PROG},
           Expected{"xm_replay", BPF_MAP_TYPE_ARRAY, XM_DEFAULT_SLOTS, BPF_F_MMAPABLE},
           Expected{"xm_peers", BPF_MAP_TYPE_ARRAY, XM_MAX_PEERS, BPF_F_RDONLY_PROG},
           Expected{"xm_xsks", BPF_MAP_TYPE_XSKMAP, XM_MAX_QUEUES, 0},
           Expected{"xm_queues", BPF_MAP_TYPE_ARRAY, XM_MAX_QUEUES, BPF_F_MMAPABLE},
           Expected{"xm_stats", BPF_MAP_TYPE_PERCPU_ARRAY, XM_VERDICT_COUNT, 0},
       }) {
    CAPTURE(expected.name);
    const bpf_map* map = bpf_object__find_map_by_name(skeleton->obj, expected.name);
    REQUIRE(map != nullptr);
    CHECK(bpf_map__type(map) == expected.type);
    CHECK(bpf_map__max_entries(map) == expected.entries);
    CHECK(bpf_map__map_flags(map) == expected.flags);
    ++maps;
  }
  const bpf_map* map = nullptr;
  std::size_t present = 0;
  bpf_object__for_each_map(map, skeleton->obj)++ present;
  CHECK(present == maps);
}

}  // namespace xm::test
