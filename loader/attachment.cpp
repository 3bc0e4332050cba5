#include "loader/attachment.hpp"

#include <net/if.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "loader/attacher.hpp"
#include "loader/interface_query.hpp"
#include "loader/living_agent.hpp"
#include "loader/program_info.hpp"
#include "xdpmesh/network_namespace.hpp"

namespace xm {
namespace {

// Whether a living agent uses these maps on another interface than `ifindex`: the one that died may
// have held several, each with pins of the same maps, and one of them has an heir already.
bool have_living_owner(const SharedMaps::Descriptors& maps, std::uint32_t ifindex,
                       const Bpffs& bpffs, const Places& places) {
  const std::uint32_t sessions = map_id(maps.sessions.get());
  std::error_code error;
  for (std::filesystem::directory_iterator entry(bpffs.directory, error), end;
       !error && entry != end; entry.increment(error)) {
    const Pins pins(entry->path().string());
    const auto identity = pins.identity();
    if (!identity || identity->ifindex == ifindex) continue;
    if (identity->network_namespace != network_namespace_inode()) continue;
    if (map_id(pins.open("xm_sessions").get()) != sessions) continue;
    if (!InterfaceLock::owner(places.run, identity->ifindex).empty()) return true;
    if (is_agent_alive(pins)) return true;
  }
  return false;
}

// Everything passes first, then the sessions go: none of them lives without its agent.
std::optional<SharedMaps> inherit(const Pins& pins, std::uint32_t ifindex, std::uint32_t slots,
                                  const Bpffs& bpffs, const Places& places) {
  const auto ours = are_pins_of(pins, ifindex);
  const auto identity = pins.identity();
  auto found = pins.shared_maps(slots);
  auto own = pins.own_maps();
  if (!ours || !ours.value() || !found || !own || identity->abi_version != XM_ABI_VERSION) {
    return std::nullopt;
  }
  if (is_agent_alive(pins) || have_living_owner(*found, ifindex, bpffs, places)) {
    return std::nullopt;
  }
  auto maps = SharedMaps::adopt(*std::move(found), slots);
  auto config = MapMemory<xm_config>::map(own->config.get(), 1, "xm_config");
  auto queues = MapMemory<xm_queue>::map(own->queues.get(), XM_MAX_QUEUES, "xm_queues");
  if (!maps || !config || !queues) return std::nullopt;
  for (xm_queue& queue : queues->values()) queue.heartbeat = 0;
  config->values().front().flags = XM_FLAG_UNPUBLISHED;
  if (!maps->clear_sessions()) return std::nullopt;
  for (xm_replay& slot : maps->replay()) {
    if (slot.receiver_index != 0 || slot.next != 0) slot = xm_replay{};
  }
  for (std::uint32_t peer = 0; peer < XM_MAX_PEERS; ++peer) {
    if (!maps->clear_peer(peer)) return std::nullopt;
  }
  return std::move(maps).value();
}

// False when nothing was there.
Result<bool> remove_from(std::uint32_t ifindex, std::optional<Pins>& pins) {
  bool found = pins.has_value();
  if (!interface_name(ifindex).empty()) {
    auto there = residents(ifindex, pins ? &*pins : nullptr);
    if (!there) return there.error();
    if (there->ours) {
      if (auto off = take_off(*there->ours); !off) return off.error();
      found = true;
    }
  }
  if (pins) {
    if (auto removed = pins->remove_all(); !removed) return removed.error();
  }
  return found;
}

}  // namespace

Attachment::Attachment(std::unique_ptr<AttachmentState> state) : state_(std::move(state)) {}
Attachment::Attachment(Attachment&&) noexcept = default;
Attachment& Attachment::operator=(Attachment&&) noexcept = default;
Attachment::~Attachment() = default;

SteerProgram& Attachment::program() {
  return *state_->program;
}
const SteerProgram& Attachment::program() const {
  return *state_->program;
}
const AttachReport& Attachment::report() const {
  return state_->report;
}
std::uint32_t Attachment::ifindex() const {
  return state_->ifindex;
}

Result<Attachment> Attachment::attach(const SharedMaps& shared, const AttachOptions& options,
                                      AttachReport& report) {
  report = AttachReport();
  Attacher attacher(shared, options, report);
  auto done = attacher.run();
  auto state = attacher.take_state();
  if (!done) {
    if (state->bpffs && !(state->pins && state->pins->exist())) leave_bpffs(*state->bpffs);
    if (state->lock) state->lock->remove();
    return done.error();
  }
  return Attachment(std::move(state));
}

Result<SharedMaps> Attachment::inherit_shared_maps(std::uint32_t slots,
                                                   std::span<const std::string> interfaces,
                                                   const Places& places) {
  const auto bpffs = find_bpffs(places);
  for (const std::string& interface : interfaces) {
    const std::uint32_t ifindex = ::if_nametoindex(interface.c_str());
    if (!bpffs || ifindex == 0) continue;
    // Held only while looking: attach() takes it again.
    auto lock = InterfaceLock::take(places.run, ifindex, interface);
    if (!lock) continue;
    const auto pins = existing_pins(*bpffs, interface, ifindex);
    auto maps = pins ? inherit(*pins, ifindex, slots, *bpffs, places) : std::nullopt;
    lock->remove();
    if (maps) return *std::move(maps);
  }
  return SharedMaps::create(slots);
}

Status Attachment::remove_remains(const std::string& interface, const Places& places) {
  const auto bpffs = find_bpffs(places);
  std::uint32_t ifindex = ::if_nametoindex(interface.c_str());
  auto pins = bpffs ? existing_pins(*bpffs, interface, ifindex) : std::nullopt;
  if (pins && ifindex == 0) {
    // The interface is gone, or has another name by now: the pins say which it was.
    if (const auto identity = pins->identity()) ifindex = identity->ifindex;
  }
  if (!pins && ifindex == 0) {
    return Error{"there is no interface " + interface + " here, and no pins of it", ENOENT};
  }
  if (pins) {
    if (auto ours = are_pins_of(*pins, ifindex); !ours) return ours.error();
  }
  auto lock = InterfaceLock::take(places.run, ifindex, interface);
  if (!lock) return lock.error();
  if (pins && is_agent_alive(*pins)) {
    lock->remove();
    return owned_by_unseen_agent(interface, *pins);
  }
  auto removed = remove_from(ifindex, pins);
  if (bpffs) leave_bpffs(*bpffs);
  lock->remove();
  if (!removed) return removed.error();
  if (!*removed) return Error{"nothing of xdp-mesh's is left on " + interface, ENOENT};
  return {};
}

bool Attachment::in_place() const {
  return state_->placement && xm::in_place(*state_->placement);
}

Status Attachment::renamed(const std::string& name) {
  state_->interface = name;
  if (!state_->pins) return {};
  const Pins wanted = Pins::of(*state_->bpffs, name);
  if (wanted.directory() == state_->pins->directory()) return {};
  Status moved = state_->pins->rename(wanted.directory());
  if (!moved && (moved.error().os_errno == ENOTEMPTY || moved.error().os_errno == EEXIST)) {
    // The pins there may be those of an interface that has our old name now and waits for our
    // folder. No interface is called so: the name is longer than IFNAMSIZ.
    const std::string aside = "renamed-interface-" + std::to_string(state_->ifindex);
    (void)state_->pins->rename(Pins::of(*state_->bpffs, aside).directory());
  }
  state_->report.pins = state_->pins->directory();
  return moved;
}

Status Attachment::detach() {
  if (state_->placement) {
    if (auto off = take_off(*state_->placement); !off) return off;
    state_->placement.reset();
  }
  if (state_->pins) {
    if (auto removed = state_->pins->remove_all(); !removed) return removed;
    state_->pins.reset();
    leave_bpffs(*state_->bpffs);
  }
  if (state_->lock) state_->lock->remove();
  return {};
}

}  // namespace xm
