#include "loader/attacher.hpp"

#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "loader/dispatcher.hpp"
#include "loader/interface_query.hpp"
#include "loader/living_agent.hpp"
#include "loader/program_info.hpp"
#include "xdpmesh/network_namespace.hpp"

namespace xm {
namespace {

// Below this a packet fits one buffer of every driver: half a page and its headroom.
constexpr std::uint32_t kSmallestMtuForFrags = 1800;

}  // namespace

// The interface's number, the lock, the bpffs.
Status Attacher::claim() {
  state_->places = options_.places;
  state_->interface = options_.interface;
  state_->ifindex = ::if_nametoindex(options_.interface.c_str());
  if (state_->ifindex == 0) {
    return errno_error("there is no interface " + options_.interface + " here");
  }
  auto lock = InterfaceLock::take(options_.places.run, state_->ifindex, options_.interface);
  if (!lock) return lock.error();
  state_->lock = std::move(lock).value();
  auto bpffs = find_or_mount_bpffs(options_.places);
  if (bpffs) {
    state_->bpffs = std::move(bpffs).value();
    report_.took("pins in " + state_->bpffs->directory);
    return settle_pins();
  }
  report_.refused("pins", bpffs.error().what + "; the program goes when this process ends");
  return {};
}

// Leaves state_->pins under the interface's name, with nothing in it that is not this interface's.
Status Attacher::settle_pins() {
  Pins wanted_pins = Pins::of(*state_->bpffs, options_.interface);
  if (auto found = existing_pins(*state_->bpffs, options_.interface, state_->ifindex)) {
    if (wanted_pins.exist() && wanted_pins.directory() != found->directory()) {
      auto theirs = are_pins_of(wanted_pins, state_->ifindex);
      if (!theirs) return theirs.error();
      if (auto removed = wanted_pins.remove_all(); !removed) return removed;
    }
    auto ours = are_pins_of(*found, state_->ifindex);
    if (!ours) return ours.error();
    if (!*ours) {
      if (auto removed = found->remove_all(); !removed) return removed;
      report_.took("removed pins of an interface that is gone: " + found->directory());
    } else if (is_agent_alive(*found)) {
      return owned_by_unseen_agent(options_.interface, *found);
    } else if (wanted_pins.directory() != found->directory()) {
      if (auto renamed = found->rename(wanted_pins.directory()); !renamed) return renamed;
    }
  }
  // What nobody will come for would stay until the machine starts anew.
  for (Pins& dead : dead_pins(*state_->bpffs)) {
    if (dead.remove_all())
      report_.took("removed pins of an interface that is gone: " + dead.directory());
  }
  state_->pins = std::move(wanted_pins);
  return {};
}

Error Attacher::foreign(const AttachedProgram& program) const {
  if (program.dispatcher) {
    return Error{options_.interface +
                     " has libxdp's dispatcher with another program, and xdp-mesh " +
                     "cannot join it here; it does not take another's place",
                 EBUSY};
  }
  return Error{options_.interface + " already has the XDP program " + program.to_string() +
                   ", which xdp-mesh does not replace: take it off, or load it through libxdp's " +
                   "dispatcher (`xdp-loader load`), which would allow both",
               EBUSY};
}

// Who is there already: a predecessor of ours, others.
Status Attacher::look_around() {
  auto found = residents(state_->ifindex, state_->pins ? &*state_->pins : nullptr);
  if (!found) return found.error();
  for (AttachedProgram& program : found->others) {
    if (!program.dispatcher) return foreign(program);
    other_dispatcher_ = std::move(program);
  }
  predecessor_ = std::move(found->ours);
  return {};
}

// A dead agent's maps are used again when they are those of inherit_shared_maps().
Status Attacher::load() {
  if (state_->pins) {
    const auto identity = state_->pins->identity();
    const auto shared = state_->pins->shared_maps(shared_.slots());
    auto own = state_->pins->own_maps();
    if (identity && identity->abi_version == XM_ABI_VERSION && shared && own &&
        map_id(shared->sessions.get()) == map_id(shared_.sessions_fd()) &&
        map_id(shared->replay.get()) == map_id(shared_.replay_fd()) &&
        map_id(shared->peers.get()) == map_id(shared_.peers_fd())) {
      auto program = SteerProgram::load_over(shared_, *std::move(own));
      if (program) {
        state_->program = std::move(program).value();
        report_.adopted_maps = true;
        report_.took("adopted the maps of an agent that is gone");
        return {};
      }
      report_.refused("adopting the maps of an agent that is gone", program.error().what);
    }
  }
  auto program = SteerProgram::load(shared_);
  if (!program) return program.error();
  use(std::move(program).value());
  return {};
}

// A program with fresh maps: they say from the start whose they are.
void Attacher::use(SteerProgram program) {
  state_->program = std::move(program);
  state_->program->config().ifindex = state_->ifindex;
  state_->program->config().network_namespace = network_namespace_inode();
}

bool Attacher::wanted(AttachVia via, AttachMode mode) const {
  return (options_.via == AttachVia::automatic || options_.via == via) &&
         (options_.mode == AttachMode::automatic || options_.mode == mode);
}

bool Attacher::uses_our_maps(const Placement& placement) const {
  const auto info = program_info(placement.program.get());
  const auto ours = program_info(state_->program->program_fd());
  return info && ours && std::ranges::is_permutation(info->map_ids, ours->map_ids);
}

Status Attacher::adopt_or_place() {
  if (!predecessor_) return place_anew();
  const std::string what = describe(predecessor_->via, predecessor_->mode);
  const bool same = predecessor_->tag == state_->program->tag();
  if (wanted(predecessor_->via, predecessor_->mode)) {
    // With the dispatcher a replacement means two new dispatchers: only for a reason.
    if (predecessor_->via == AttachVia::dispatcher && same && uses_our_maps(*predecessor_)) {
      report_.adopted = true;
      report_.took("adopted the program of an agent that is gone: " + what);
    } else if (auto replaced = replace(*predecessor_, *state_->program); replaced) {
      report_.adopted = true;
      report_.took("adopted the place of an agent that is gone: " + what,
                   same ? "its program was the same" : "its program was another and is replaced");
    } else {
      report_.refused("adopting the place of an agent that is gone: " + what,
                      replaced.error().what);
    }
  }
  if (report_.adopted) {
    state_->placement = std::move(predecessor_);
    return {};
  }
  if (auto removed = take_off(*predecessor_); !removed) return removed;
  if (state_->pins) state_->pins->remove(Pins::kLink);
  report_.took("took off the program of an agent that is gone: " + what);
  return place_anew();
}

std::optional<std::string> Attacher::why_no_dispatcher() const {
  if (!state_->bpffs) return "there is no bpffs";
  if (!state_->bpffs->shared) {
    return state_->places.bpffs + " is no bpffs here, and others would not see libxdp's pins in " +
           state_->bpffs->directory;
  }
  return dispatcher_obstacle();
}

bool Attacher::try_ways(const std::vector<AttachVia>& ways, AttachMode mode) {
  for (const AttachVia via : ways) {
    const std::string what = describe(via, mode) + (report_.frags ? ", with frags" : "");
    auto placed = place(*state_->program, state_->ifindex, via, mode);
    if (placed) {
      report_.took(what);
      state_->placement = std::move(placed).value();
      return true;
    }
    report_.refused(what, placed.error().what);
    no_native_xdp_ = placed.error().os_errno == EOPNOTSUPP;
  }
  return false;
}

// Some drivers take only a program for packets of several buffers once the MTU is larger than a
// buffer. In generic mode such a program only costs: the kernel then does without.
bool Attacher::try_frags(const std::vector<AttachVia>& ways) {
  const auto mtu = InterfaceQuery(options_.interface).mtu();
  if (no_native_xdp_ || !mtu || *mtu < kSmallestMtuForFrags) return false;
  auto with_frags = SteerProgram::load(shared_, /*frags=*/true);
  if (!with_frags) {
    report_.refused("loading with frags", with_frags.error().what);
    return false;
  }
  SteerProgram without = std::move(*state_->program);
  use(std::move(with_frags).value());
  report_.frags = true;
  if (try_ways(ways, AttachMode::native)) {
    report_.adopted_maps = false;
    return true;
  }
  report_.frags = false;
  state_->program = std::move(without);
  return false;
}

Status Attacher::place_anew() {
  std::vector<AttachVia> ways;
  if (options_.via == AttachVia::automatic || options_.via == AttachVia::dispatcher) {
    if (auto why = why_no_dispatcher()) {
      report_.refused("libxdp's dispatcher", *std::move(why));
    } else {
      ways.push_back(AttachVia::dispatcher);
    }
  }
  if (!other_dispatcher_) {
    for (const AttachVia via : {AttachVia::link, AttachVia::netlink}) {
      if (options_.via == AttachVia::automatic || options_.via == via) ways.push_back(via);
    }
  }
  if (options_.mode != AttachMode::generic) {
    if (try_ways(ways, AttachMode::native)) return {};
    if (try_frags(ways)) return {};
  }
  if (options_.mode != AttachMode::native && try_ways(ways, AttachMode::generic)) return {};
  if (other_dispatcher_) return foreign(*other_dispatcher_);
  return Error{"no way to attach to " + options_.interface + " worked; the last: " +
                   (report_.steps.empty() ? std::string("none was allowed")
                                          : report_.steps.back().to_string()),
               EOPNOTSUPP};
}

// Pins what shall outlive this process, and completes the report.
Status Attacher::keep() {
  Placement& placement = *state_->placement;
  if (state_->pins) {
    Status pinned =
        report_.adopted_maps ? Status() : state_->pins->put_maps(*state_->program, shared_);
    if (pinned) {
      pinned = state_->pins->put(Pins::kProgram, placement.program ? placement.program.get()
                                                                   : state_->program->program_fd());
    }
    if (pinned && placement.link && !(report_.adopted && state_->pins->open(Pins::kLink))) {
      pinned = state_->pins->put(Pins::kLink, placement.link.get());
    }
    if (!pinned) {
      (void)take_off(placement);
      (void)state_->pins->remove_all();
      return pinned;
    }
    report_.pins = state_->pins->directory();
  }
  report_.mode = placement.mode;
  report_.via = placement.via;
  report_.program_id = placement.program_id;
  report_.program_tag = placement.tag;
  if (const auto info = link_info(placement.link.get())) report_.link_id = info->id;
  state_->report = report_;
  return {};
}

}  // namespace xm
