// A SteerProgram on an interface: the one place that changes what runs there.
//
// How an agent starts on an interface, also after one that died (design.md, section 2). Between
// the steps every packet goes to the kernel's sockets:
//
//   1. SharedMaps: Attachment::inherit_shared_maps(), once, before any attach; all sessions are out
//   2. Attachment::attach(): heartbeats are zero, no queue has a socket, config().abi_version is 0
//   3. bind the AF_XDP sockets, program().set_socket()
//   4. publish the sessions; program().set_locals()
//   5. fill program().config(), abi_version last; workers begin their heartbeats
//
// A foreign XDP program is never replaced. One agent owns an interface: a lock that dies with its
// process. An agent that has another run directory, but the same bpffs, does not see the lock: it
// waits to see whether the heartbeats in the pinned maps go on. What attach() leaves when the
// process dies are pins, a program that passes type 4 once the heartbeats are stale, and no lock:
// the next attach() adopts that, remove_remains() ends it.
//
// Thread: the control thread, in the network namespace of the interface.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "loader/attach_report.hpp"
#include "loader/bpffs.hpp"
#include "loader/shared_maps.hpp"
#include "loader/steer_program.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

struct AttachmentState;  // loader/attacher.hpp

struct AttachOptions {
  std::string interface;
  AttachMode mode = AttachMode::automatic;
  AttachVia via = AttachVia::automatic;
  Places places;
};

class Attachment {
 public:
  // The shared maps of an agent that died on one of `interfaces`, emptied, when they have this ABI
  // and size; else fresh ones. An interface that a living agent owns is not looked at, and maps
  // that one uses on another interface are left to it.
  [[nodiscard]] static Result<SharedMaps> inherit_shared_maps(
      std::uint32_t slots, std::span<const std::string> interfaces, const Places& places = {});

  // Takes the interface's lock, adopts or removes what a dead agent left, loads the program and
  // puts it there: dispatcher, BPF link, netlink, each native, then each generic, unless the
  // options say which. `report` has every step, also when the whole fails. `shared` is borrowed
  // for the call.
  [[nodiscard]] static Result<Attachment> attach(const SharedMaps& shared,
                                                 const AttachOptions& options,
                                                 AttachReport& report);

  // Removes what a dead agent left on `interface` (its name now or then; the interface may be
  // gone). The errno is EBUSY when a living agent owns it, by lock or by heartbeat, ENOENT when
  // there is nothing.
  [[nodiscard]] static Status remove_remains(const std::string& interface,
                                             const Places& places = {});

  Attachment(Attachment&&) noexcept;
  Attachment& operator=(Attachment&&) noexcept;
  // Leaves the interface as it is, as if the process had died, for a successor. Without a bpffs
  // the kernel takes the program off.
  ~Attachment();

  [[nodiscard]] SteerProgram& program();
  [[nodiscard]] const SteerProgram& program() const;
  [[nodiscard]] const AttachReport& report() const;
  [[nodiscard]] std::uint32_t ifindex() const;

  // Whether the program still runs there: not after the interface's deletion or somebody's
  // `ip link set IF xdp off`.
  [[nodiscard]] bool in_place() const;

  // The interface has a new name: the pins follow.
  [[nodiscard]] Status renamed(const std::string& name);

  // Takes the program off and removes pins and lock; also when the interface is gone. What could
  // not be removed is the error; a second call tries again.
  [[nodiscard]] Status detach();

 private:
  explicit Attachment(std::unique_ptr<AttachmentState> state);

  std::unique_ptr<AttachmentState> state_;
};

}  // namespace xm
