#include "loader/pins.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "loader/interface_query.hpp"
#include "loader/program_info.hpp"
#include "loader/refusal.hpp"
#include "loader/steer_object.hpp"
#include "steer.skel.h"
#include "xdpmesh/network_namespace.hpp"

namespace xm {
namespace {

namespace fs = std::filesystem;

// Whether a map is what the object that is built in would make.
bool fits(const bpf_map* expected, int fd) {
  bpf_map_info info{};
  std::uint32_t size = sizeof info;
  return fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0 &&
         info.type == bpf_map__type(expected) && info.key_size == bpf_map__key_size(expected) &&
         info.value_size == bpf_map__value_size(expected) &&
         info.max_entries == bpf_map__max_entries(expected) &&
         info.map_flags == bpf_map__map_flags(expected);
}

}  // namespace

std::uint32_t map_id(int fd) {
  bpf_map_info info{};
  std::uint32_t size = sizeof info;
  return bpf_obj_get_info_by_fd(fd, &info, &size) == 0 ? info.id : 0;
}

Pins Pins::of(const Bpffs& bpffs, const std::string& interface) {
  return Pins(bpffs.directory + "/" + name_in_namespace(interface));
}

std::optional<Pins> Pins::find(const Bpffs& bpffs, std::uint32_t ifindex,
                               std::uint64_t network_namespace) {
  std::error_code error;
  for (fs::directory_iterator entry(bpffs.directory, error), end; !error && entry != end;
       entry.increment(error)) {
    Pins pins(entry->path().string());
    const auto identity = pins.identity();
    if (identity && identity->ifindex == ifindex &&
        identity->network_namespace == network_namespace) {
      return pins;
    }
  }
  return std::nullopt;
}

bool Pins::exist() const {
  struct stat entry {};
  return ::stat(directory_.c_str(), &entry) == 0;
}

Fd Pins::open(const std::string& name) const {
  return Fd(bpf_obj_get((directory_ + "/" + name).c_str()));
}

std::optional<Pins::Identity> Pins::identity() const {
  const Fd map = open("xm_config");
  bpf_map_info info{};
  std::uint32_t size = sizeof info;
  if (!map || bpf_obj_get_info_by_fd(map.get(), &info, &size) != 0) return std::nullopt;
  if (info.key_size != sizeof(std::uint32_t) || info.value_size < sizeof(Identity)) {
    return std::nullopt;
  }
  std::vector<std::uint8_t> value(info.value_size);
  const std::uint32_t key = 0;
  if (bpf_map_lookup_elem(map.get(), &key, value.data()) != 0) return std::nullopt;
  Identity identity;
  static_assert(offsetof(xm_config, abi_version) == offsetof(Identity, abi_version));
  static_assert(offsetof(xm_config, ifindex) == offsetof(Identity, ifindex));
  static_assert(offsetof(xm_config, network_namespace) == offsetof(Identity, network_namespace));
  std::memcpy(&identity, value.data(), sizeof identity);
  return identity;
}

std::optional<SharedMaps::Descriptors> Pins::shared_maps(std::uint32_t slots) const {
  const auto expected = open_steer_object();
  if (!expected) return std::nullopt;
  const auto& maps = (*expected.value()).maps;
  bpf_map__set_max_entries(maps.xm_sessions, 2 * slots);
  bpf_map__set_max_entries(maps.xm_replay, slots);
  SharedMaps::Descriptors found{open("xm_sessions"), open("xm_replay"), open("xm_peers")};
  if (!fits(maps.xm_sessions, found.sessions.get()) || !fits(maps.xm_replay, found.replay.get()) ||
      !fits(maps.xm_peers, found.peers.get())) {
    return std::nullopt;
  }
  return found;
}

std::optional<SteerProgram::OwnMaps> Pins::own_maps() const {
  const auto expected = open_steer_object();
  if (!expected) return std::nullopt;
  const auto& maps = (*expected.value()).maps;
  SteerProgram::OwnMaps found{open("xm_config"), open("xm_local"), open("xm_xsks"),
                              open("xm_queues"), open("xm_stats")};
  if (!fits(maps.xm_config, found.config.get()) || !fits(maps.xm_local, found.local.get()) ||
      !fits(maps.xm_xsks, found.xsks.get()) || !fits(maps.xm_queues, found.queues.get()) ||
      !fits(maps.xm_stats, found.stats.get())) {
    return std::nullopt;
  }
  return found;
}

Status Pins::put_maps(const SteerProgram& program, const SharedMaps& shared) {
  std::error_code error;
  fs::create_directories(directory_, error);
  if (error) return Error{"cannot make " + directory_ + ": " + error.message(), error.value()};
  // The parent too: who may enter it may read who talks to whom.
  for (const std::string& folder : {fs::path(directory_).parent_path().string(), directory_}) {
    if (::chmod(folder.c_str(), 0700) != 0) return errno_error("closing " + folder + " to others");
  }
  const auto& own = program.object().maps;
  const std::pair<const char*, int> maps[] = {
      {"xm_config", bpf_map__fd(own.xm_config)}, {"xm_local", bpf_map__fd(own.xm_local)},
      {"xm_xsks", bpf_map__fd(own.xm_xsks)},     {"xm_queues", bpf_map__fd(own.xm_queues)},
      {"xm_stats", bpf_map__fd(own.xm_stats)},   {"xm_sessions", shared.sessions_fd()},
      {"xm_replay", shared.replay_fd()},         {"xm_peers", shared.peers_fd()}};
  for (const auto& [name, fd] : maps) {
    if (auto pinned = put(name, fd); !pinned) return pinned;
  }
  return {};
}

Status Pins::put(const std::string& name, int fd) {
  remove(name);
  const std::string path = directory_ + "/" + name;
  if (bpf_obj_pin(fd, path.c_str()) != 0) {
    return refusal("cannot pin " + path, errno, {CAP_BPF});
  }
  return {};
}

void Pins::remove(const std::string& name) {
  ::unlink((directory_ + "/" + name).c_str());
}

Status Pins::rename(const std::string& directory) {
  if (::rename(directory_.c_str(), directory.c_str()) != 0) {
    return errno_error("cannot rename " + directory_ + " to " + directory);
  }
  directory_ = directory;
  return {};
}

Status Pins::remove_all() {
  std::error_code error;
  fs::remove_all(directory_, error);
  if (error) return Error{"cannot remove " + directory_ + ": " + error.message(), error.value()};
  return {};
}

std::optional<Pins> existing_pins(const Bpffs& bpffs, const std::string& interface,
                                  std::uint32_t ifindex) {
  if (auto found = Pins::find(bpffs, ifindex, network_namespace_inode())) return found;
  Pins named = Pins::of(bpffs, interface);
  if (named.exist()) return named;
  return std::nullopt;
}

std::vector<Pins> dead_pins(const Bpffs& bpffs) {
  std::vector<Pins> dead;
  const std::uint64_t here = network_namespace_inode();
  std::error_code error;
  for (fs::directory_iterator entry(bpffs.directory, error), end; !error && entry != end;
       entry.increment(error)) {
    Pins pins(entry->path().string());
    const auto identity = pins.identity();
    if (!identity || identity->ifindex == 0) continue;
    const auto link = link_info(pins.open(Pins::kLink).get());
    const bool is_gone = identity->network_namespace == here
                             ? interface_name(identity->ifindex).empty()
                             : link && link->ifindex == 0;
    if (is_gone) dead.push_back(std::move(pins));
  }
  return dead;
}

Result<bool> are_pins_of(const Pins& pins, std::uint32_t ifindex) {
  const auto identity = pins.identity();
  if (!identity || identity->ifindex == 0) return false;
  const std::uint64_t here = network_namespace_inode();
  if (identity->network_namespace != here) {
    return Error{"the pins in " + pins.directory() + " belong to network namespace " +
                     std::to_string(identity->network_namespace) + ", and this is " +
                     std::to_string(here) + ": detach there, or remove the folder",
                 EXDEV};
  }
  if (identity->ifindex == ifindex) return true;
  if (const std::string other = interface_name(identity->ifindex); !other.empty()) {
    return Error{"the pins in " + pins.directory() + " belong to interface " +
                     std::to_string(identity->ifindex) + ", which is now called " + other +
                     ": `xdp-mesh detach " + other + "` first",
                 EEXIST};
  }
  return false;
}

}  // namespace xm
