// The real XDP object in the kernel, with its maps written from a SteerWorld, and packets put
// through it by BPF_PROG_TEST_RUN. Used inside a network namespace of its own (own_namespace.hpp),
// whose loopback is the interface that packets come from.
#pragma once

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <doctest/doctest.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "agent/noise/cookie.hpp"
#include "steer.skel.h"
#include "tests/support/bound_xsk.hpp"
#include "tests/support/steer_world.hpp"
#include "xdpmesh/result.hpp"

namespace xm::test {

using Frame = std::vector<std::uint8_t>;

inline xm_address address_of(const std::string& text) {
  xm_address address{};
  if (inet_pton(AF_INET6, text.c_str(), address.octets) == 1) return address;
  address.octets[10] = address.octets[11] = 0xff;
  REQUIRE(inet_pton(AF_INET, text.c_str(), address.octets + 12) == 1);
  return address;
}

inline std::uint64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

// A map's values, shared with the kernel.
template <typename Value>
class MappedMap {
 public:
  MappedMap(int descriptor, std::size_t count) : size_(count * sizeof(Value)) {
    void* memory = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    REQUIRE(memory != MAP_FAILED);
    values_ = static_cast<Value*>(memory);
  }
  MappedMap(const MappedMap&) = delete;
  MappedMap& operator=(const MappedMap&) = delete;
  ~MappedMap() { munmap(values_, size_); }

  Value& operator[](std::size_t index) { return values_[index]; }

 private:
  std::size_t size_;
  Value* values_;
};

class SteerLab {
 public:
  // Needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON; the error's os_errno is EPERM without.
  [[nodiscard]] static Result<std::unique_ptr<SteerLab>> load() {
    libbpf_set_print(nullptr);
    std::unique_ptr<steer, Destroy> skeleton(steer__open());
    if (!skeleton) return errno_error("opening the XDP object");
    if (const int status = steer__load(skeleton.get()); status != 0) {
      return errno_error("loading the XDP object", -status);
    }
    auto socket = BoundXsk::open("lo", 0);
    if (!socket) return socket.error();
    return std::unique_ptr<SteerLab>(new SteerLab(std::move(skeleton), std::move(socket.value())));
  }

  [[nodiscard]] int program() const { return bpf_program__fd(skeleton_->progs.xm_steer); }
  [[nodiscard]] const steer& skeleton() const { return *skeleton_; }

  // Replaces whatever the maps held.
  void apply(const SteerWorld& world) {
    write_config(world);
    clear(skeleton_->maps.xm_local, sizeof(xm_address));
    for (const std::string& address : world.addresses) {
      const std::uint32_t present = 1;
      put(skeleton_->maps.xm_local, address_of(address), present);
    }
    clear(skeleton_->maps.xm_sessions, sizeof(std::uint32_t));
    for (const auto& [index, session] : world.sessions) {
      const xm_session value{session.slot.value_or(XM_NO_SLOT),
                             session.live ? XM_SESSION_LIVE : XM_SESSION_RESERVED, 1};
      put(skeleton_->maps.xm_sessions, index, value);
    }
    for (std::uint32_t slot = 0; slot < XM_DEFAULT_SLOTS; ++slot) {
      if (replay_[slot].receiver_index != 0 || replay_[slot].next != 0) replay_[slot] = {};
    }
    for (const auto& [number, slot] : world.slots) write_slot(replay_[number], slot);
    const std::uint32_t queue = 0;
    if (world.socket) {
      put(skeleton_->maps.xm_xsks, queue, socket_.descriptor());
    } else {
      bpf_map_delete_elem(bpf_map__fd(skeleton_->maps.xm_xsks), &queue);
    }
    beat_ = world.beat;
    agent_beat_ = world.agent_beat;
    beat();
  }

  // Writes the heartbeats of the world applied last; a fresh one lasts longer than a second.
  void beat() {
    queues_[0].heartbeat = time_of(beat_);
    config_[0].heartbeat = time_of(agent_beat_);
  }

  // The action that the program returns; REQUIREs that the kernel runs it.
  [[nodiscard]] std::uint32_t run(const Frame& frame) const {
    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.data_in = frame.data();
    options.data_size_in = static_cast<std::uint32_t>(frame.size());
    options.repeat = 1;
    const int status = bpf_prog_test_run_opts(program(), &options);
    if (status != 0) {
      CAPTURE(frame.size());
      REQUIRE(status == 0);
    }
    return options.retval;
  }

  // Packets and bytes of a verdict so far, over all processors.
  [[nodiscard]] xm_stat count(std::uint32_t verdict) {
    bpf_map_lookup_elem(stats_, &verdict, per_cpu_.data());
    xm_stat sum{};
    for (const xm_stat& stat : per_cpu_) {
      sum.packets += stat.packets;
      sum.bytes += stat.bytes;
    }
    return sum;
  }
  [[nodiscard]] std::array<xm_stat, XM_VERDICT_COUNT> counts() {
    std::array<xm_stat, XM_VERDICT_COUNT> all{};
    for (std::uint32_t verdict = 0; verdict < all.size(); ++verdict) all[verdict] = count(verdict);
    return all;
  }

 private:
  struct Destroy {
    void operator()(steer* skeleton) const { steer__destroy(skeleton); }
  };

  SteerLab(std::unique_ptr<steer, Destroy> skeleton, BoundXsk socket)
      : skeleton_(std::move(skeleton)),
        socket_(std::move(socket)),
        config_(bpf_map__fd(skeleton_->maps.xm_config), 1),
        replay_(bpf_map__fd(skeleton_->maps.xm_replay), XM_DEFAULT_SLOTS),
        queues_(bpf_map__fd(skeleton_->maps.xm_queues), XM_MAX_QUEUES),
        stats_(bpf_map__fd(skeleton_->maps.xm_stats)),
        per_cpu_(static_cast<std::size_t>(libbpf_num_possible_cpus())) {}

  template <typename MapKey, typename Value>
  static void put(const bpf_map* map, const MapKey& key, const Value& value) {
    REQUIRE(bpf_map_update_elem(bpf_map__fd(map), &key, &value, BPF_ANY) == 0);
  }

  static void clear(const bpf_map* map, std::size_t key_size) {
    std::vector<std::uint8_t> key(key_size);
    while (bpf_map_get_next_key(bpf_map__fd(map), nullptr, key.data()) == 0) {
      REQUIRE(bpf_map_delete_elem(bpf_map__fd(map), key.data()) == 0);
    }
  }

  static std::uint64_t time_of(Beat beat) {
    const std::uint64_t now = monotonic_ns();
    switch (beat) {
      case Beat::fresh:
        return now + XM_HEARTBEAT_STALE_NS * 9 / 10;
      case Beat::never:
        return 0;
      case Beat::old:
        return now - XM_HEARTBEAT_STALE_NS - 50'000'000;
      case Beat::far_ahead:
        return now + 1000 * XM_HEARTBEAT_STALE_NS;
    }
    return 0;
  }

  void write_config(const SteerWorld& world) {
    xm_config config{};
    config.abi_version = world.configured ? XM_ABI_VERSION : 0;
    if (world.redirect) config.flags |= XM_FLAG_REDIRECT;
    if (!world.all_published) config.flags |= XM_FLAG_UNPUBLISHED;
    if (world.check_mac1) config.flags |= XM_FLAG_CHECK_MAC1;
    if (world.generic) config.flags |= XM_FLAG_GENERIC;
    config.largest_frame = world.largest_frame;
    config.port_count = static_cast<std::uint32_t>(world.ports.size());
    std::copy(world.ports.begin(), world.ports.end(), config.ports);
    std::copy(world.mac.begin(), world.mac.end(), config.mac);
    config.mac1_count = static_cast<std::uint32_t>(world.mac1_keys.size());
    for (std::size_t i = 0; i < std::min<std::size_t>(world.mac1_keys.size(), XM_MAX_MAC1_KEYS);
         ++i) {
      const Blake2sChaining chaining = mac1_chaining(world.mac1_keys[i].key);
      std::copy(chaining.begin(), chaining.end(), config.mac1[i].chaining);
      config.mac1[i].port = world.mac1_keys[i].port;
    }
    config_[0] = config;
  }

  static void write_slot(xm_replay& replay, const SteerWorld::Slot& slot) {
    replay.receiver_index = slot.receiver_index;
    if (slot.received.empty()) return;
    const std::uint64_t highest = *slot.received.rbegin();
    for (const std::uint64_t counter : slot.received) {
      // The words of older ones have been given to newer ones.
      if (highest / 64 - counter / 64 >= XM_REPLAY_WORDS) continue;
      replay.words[counter / 64 % XM_REPLAY_WORDS] |= std::uint64_t{1} << (counter % 64);
    }
    replay.next = highest + 1;
  }

  std::unique_ptr<steer, Destroy> skeleton_;
  BoundXsk socket_;
  MappedMap<xm_config> config_;
  MappedMap<xm_replay> replay_;
  MappedMap<xm_queue> queues_;
  int stats_;
  std::vector<xm_stat> per_cpu_;
  Beat beat_ = Beat::fresh;
  Beat agent_beat_ = Beat::fresh;
};

}  // namespace xm::test
