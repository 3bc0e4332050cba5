#include "loader/steer_program.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/capability.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "loader/program_info.hpp"
#include "loader/refusal.hpp"
#include "steer.skel.h"

namespace xm {
namespace {

Status reuse(bpf_map* map, int fd) {
  if (const int status = bpf_map__reuse_fd(map, fd); status != 0) {
    return refusal(std::string("using the existing map ") + bpf_map__name(map), -status, {CAP_BPF});
  }
  return {};
}

}  // namespace

xm_address to_xm_address(const IpAddress& address) {
  xm_address key{};
  if (address.is_v4()) {
    key.octets[10] = key.octets[11] = 0xff;
    std::memcpy(key.octets + 12, address.octets.data(), 4);
  } else {
    std::memcpy(key.octets, address.octets.data(), sizeof key.octets);
  }
  return key;
}

Result<SteerProgram> SteerProgram::load(const SharedMaps& shared, bool frags) {
  auto object = open_steer_object();
  if (!object) return object.error();
  return load_object(std::move(object).value(), shared, frags);
}

Result<SteerProgram> SteerProgram::load_over(const SharedMaps& shared, OwnMaps own, bool frags) {
  auto object = open_steer_object();
  if (!object) return object.error();
  const auto& maps = (*object)->maps;
  const std::pair<bpf_map*, int> reused[] = {{maps.xm_config, own.config.get()},
                                             {maps.xm_local, own.local.get()},
                                             {maps.xm_xsks, own.xsks.get()},
                                             {maps.xm_queues, own.queues.get()},
                                             {maps.xm_stats, own.stats.get()}};
  for (const auto& [map, fd] : reused) {
    if (auto status = reuse(map, fd); !status) return status.error();
  }
  auto program = load_object(std::move(object).value(), shared, frags);
  if (!program) return program;
  if (auto emptied = program->empty(); !emptied) return emptied.error();
  return program;
}

Result<SteerProgram> SteerProgram::load_object(SteerObject object, const SharedMaps& shared,
                                               bool frags) {
  const std::pair<bpf_map*, int> reused[] = {{object->maps.xm_sessions, shared.sessions_fd()},
                                             {object->maps.xm_replay, shared.replay_fd()},
                                             {object->maps.xm_peers, shared.peers_fd()}};
  for (const auto& [map, fd] : reused) {
    if (auto status = reuse(map, fd); !status) return status.error();
  }
  if (frags) bpf_program__set_flags(object->progs.xm_steer, BPF_F_XDP_HAS_FRAGS);
  if (const int status = steer__load(object.get()); status != 0) {
    return load_refusal("the kernel refused the XDP program", -status,
                        {CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON});
  }
  SteerProgram program(std::move(object));
  const auto& maps = program.object_->maps;
  auto config = MapMemory<xm_config>::map(bpf_map__fd(maps.xm_config), 1, "xm_config");
  if (!config) return config.error();
  auto queues = MapMemory<xm_queue>::map(bpf_map__fd(maps.xm_queues), XM_MAX_QUEUES, "xm_queues");
  if (!queues) return queues.error();
  program.config_memory_ = std::move(config).value();
  program.queue_memory_ = std::move(queues).value();
  if (auto identified = program.identify(); !identified) return identified.error();
  return program;
}

Status SteerProgram::identify() {
  auto info = program_info(program_fd());
  if (!info) return errno_error("reading what the kernel knows of the XDP program");
  id_ = info->id;
  tag_ = std::move(info->tag);
  return {};
}

// In this order everything passes from the first store on; whose maps they are stays legible.
Status SteerProgram::empty() {
  xm_config& settings = config();
  __atomic_store_n(&settings.abi_version, 0, __ATOMIC_SEQ_CST);
  xm_config whose{};
  whose.ifindex = settings.ifindex;
  whose.network_namespace = settings.network_namespace;
  settings = whose;
  for (xm_queue& queue : queues()) queue = xm_queue{};
  for (std::uint32_t queue = 0; queue < XM_MAX_QUEUES; ++queue) {
    if (auto cleared = clear_socket(queue); !cleared) return cleared;
  }
  const int map = bpf_map__fd(object_->maps.xm_local);
  xm_address key{};
  while (bpf_map_get_next_key(map, nullptr, &key) == 0) {
    if (bpf_map_delete_elem(map, &key) != 0) return errno_error("emptying xm_local");
  }
  return {};
}

int SteerProgram::program_fd() const {
  return bpf_program__fd(object_->progs.xm_steer);
}

Status SteerProgram::set_socket(std::uint32_t queue, int fd) {
  if (bpf_map_update_elem(bpf_map__fd(object_->maps.xm_xsks), &queue, &fd, BPF_ANY) != 0) {
    return errno_error("entering the AF_XDP socket of queue " + std::to_string(queue) +
                       " into xm_xsks");
  }
  return {};
}

Status SteerProgram::clear_socket(std::uint32_t queue) {
  if (bpf_map_delete_elem(bpf_map__fd(object_->maps.xm_xsks), &queue) != 0 && errno != ENOENT) {
    return errno_error("removing the AF_XDP socket of queue " + std::to_string(queue) +
                       " from xm_xsks");
  }
  return {};
}

Status SteerProgram::set_locals(std::span<const IpAddress> addresses) {
  const int map = bpf_map__fd(object_->maps.xm_local);
  std::set<std::array<std::uint8_t, 16>> wanted;
  for (const IpAddress& address : addresses) {
    const xm_address key = to_xm_address(address);
    wanted.insert(std::to_array(key.octets));
  }
  for (auto held = locals_.begin(); held != locals_.end();) {
    if (wanted.contains(*held)) {
      ++held;
      continue;
    }
    if (bpf_map_delete_elem(map, held->data()) != 0 && errno != ENOENT) {
      return errno_error("removing an address from xm_local");
    }
    held = locals_.erase(held);
  }
  for (const auto& key : wanted) {
    if (locals_.contains(key)) continue;
    const std::uint32_t present = 1;
    if (bpf_map_update_elem(map, key.data(), &present, BPF_ANY) != 0) {
      return errno_error("entering one of " + std::to_string(wanted.size()) +
                         " addresses into xm_local, which holds " + std::to_string(XM_MAX_LOCAL));
    }
    locals_.insert(key);
  }
  return {};
}

Result<SteerProgram::Verdicts> SteerProgram::verdicts() const {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus < 0) return errno_error("the number of possible processors is unknown", -cpus);
  const int map = bpf_map__fd(object_->maps.xm_stats);
  Verdicts sums{};
  std::vector<xm_stat> per_cpu(static_cast<std::size_t>(cpus));
  for (std::uint32_t verdict = 0; verdict < sums.size(); ++verdict) {
    if (bpf_map_lookup_elem(map, &verdict, per_cpu.data()) != 0) {
      return errno_error("reading the map xm_stats");
    }
    for (const xm_stat& stat : per_cpu) {
      sums[verdict].packets += stat.packets;
      sums[verdict].bytes += stat.bytes;
    }
  }
  return sums;
}

}  // namespace xm
