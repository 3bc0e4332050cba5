#include "loader/shared_maps.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/capability.h>

#include <cerrno>
#include <string>
#include <utility>

#include "loader/refusal.hpp"
#include "loader/steer_object.hpp"
#include "steer.skel.h"

namespace xm {
namespace {

Fd duplicate(const bpf_map* map) {
  return Fd(::fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 0));
}

// So that libbpf makes these three alone, with their BTF, and no program.
void leave_out_the_rest(const steer& object, std::uint32_t slots) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object.obj) {
    // The skeleton maps the program's constants into memory, and fails without them.
    if (!bpf_map__is_internal(map)) bpf_map__set_autocreate(map, false);
  }
  for (bpf_map* wanted : {object.maps.xm_sessions, object.maps.xm_replay, object.maps.xm_peers}) {
    bpf_map__set_autocreate(wanted, true);
  }
  bpf_map__set_max_entries(object.maps.xm_sessions, 2 * slots);
  bpf_map__set_max_entries(object.maps.xm_replay, slots);
  bpf_program__set_autoload(object.progs.xm_steer, false);
}

}  // namespace

SharedMaps::SharedMaps(Descriptors descriptors, MapMemory<xm_replay> replay, std::uint32_t slots)
    : descriptors_(std::move(descriptors)), replay_memory_(std::move(replay)), slots_(slots) {}

Result<SharedMaps> SharedMaps::create(std::uint32_t slots) {
  auto object = open_steer_object();
  if (!object) return object.error();
  leave_out_the_rest(**object, slots);
  if (const int status = steer__load(object->get()); status != 0) {
    return load_refusal("the kernel refused the BPF maps of sessions and peers", -status,
                        {CAP_BPF});
  }
  const auto& maps = (*object)->maps;
  Descriptors descriptors{duplicate(maps.xm_sessions), duplicate(maps.xm_replay),
                          duplicate(maps.xm_peers)};
  if (!descriptors.sessions || !descriptors.replay || !descriptors.peers) {
    return errno_error("keeping the BPF maps of sessions and peers");
  }
  return adopt(std::move(descriptors), slots);
}

Result<SharedMaps> SharedMaps::adopt(Descriptors descriptors, std::uint32_t slots) {
  auto replay = MapMemory<xm_replay>::map(descriptors.replay.get(), slots, "xm_replay");
  if (!replay) return replay.error();
  return SharedMaps(std::move(descriptors), std::move(replay).value(), slots);
}

Status SharedMaps::put_session(std::uint32_t receiver_index, const xm_session& session) {
  if (bpf_map_update_elem(sessions_fd(), &receiver_index, &session, BPF_ANY) != 0) {
    return errno_error("entering a session into xm_sessions");
  }
  return {};
}

Status SharedMaps::remove_session(std::uint32_t receiver_index) {
  if (bpf_map_delete_elem(sessions_fd(), &receiver_index) != 0 && errno != ENOENT) {
    return errno_error("removing a session from xm_sessions");
  }
  return {};
}

Status SharedMaps::clear_sessions() {
  std::uint32_t index = 0;
  while (bpf_map_get_next_key(sessions_fd(), nullptr, &index) == 0) {
    if (auto removed = remove_session(index); !removed) return removed;
  }
  if (errno != ENOENT) return errno_error("reading xm_sessions");
  return {};
}

Status SharedMaps::put_peer(std::uint32_t index, const xm_peer& peer) {
  if (bpf_map_update_elem(peers_fd(), &index, &peer, BPF_ANY) != 0) {
    return errno_error("writing peer " + std::to_string(index) + " to xm_peers");
  }
  return {};
}

Status SharedMaps::clear_peer(std::uint32_t index) {
  return put_peer(index, xm_peer{});
}

}  // namespace xm
