// Follows our own TUN device: up, down, MTU, rename, deletion, and all of these also after it has
// moved to another network namespace while the process stays where it was born.
//
// Every event leads to a fresh look at the device, so that a lost event is made good by the next.
// The device is found by its descriptor (TUNGETIFF, TUNGETDEVNETNS), its state asked by
// RTM_GETLINK, in another namespace with IFLA_TARGET_NETNSID (rtnetlink(7), net/core/rtnetlink.c);
// events of other namespaces come by NETLINK_LISTEN_ALL_NSID. Where one of these is not permitted,
// the descriptor's own readiness tells up from down, once a second.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "agent/io/rtnetlink.hpp"
#include "xdpmesh/clock.hpp"
#include "xdpmesh/fd.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

struct LinkState {
  std::string name;
  bool up = false;
  std::uint32_t mtu = 0;   // 0 where it cannot be known
  bool gone = false;       // deleted: final
  bool elsewhere = false;  // in another network namespace than this process
};

struct LinkChanges {
  bool up_or_down = false;
  bool mtu = false;
  bool renamed = false;
  bool moved = false;  // to another network namespace, or back
  bool gone = false;
  [[nodiscard]] bool any() const { return up_or_down || mtu || renamed || moved || gone; }
};

// Thread: the control thread.
class LinkWatcher {
 public:
  // `tun_fd` is borrowed and outlives the watcher. The state is read at once.
  [[nodiscard]] static Result<std::unique_ptr<LinkWatcher>> open(int tun_fd);

  // To poll for reading; then call refresh().
  [[nodiscard]] int fd() const { return events_.fd(); }
  // How long the caller may leave refresh() uncalled: a second where events do not tell all, else
  // Duration::max().
  [[nodiscard]] Duration interval() const;

  [[nodiscard]] const LinkState& state() const { return state_; }
  // Reads what waits, looks at the device where that concerns it or interval() is finite, and says
  // what is different from before.
  [[nodiscard]] LinkChanges refresh();

 private:
  LinkWatcher(int tun_fd, RouteSocket events, RouteSocket requests)
      : tun_fd_(tun_fd), events_(std::move(events)), requests_(std::move(requests)) {}

  [[nodiscard]] bool drain_events();
  [[nodiscard]] LinkState look();
  [[nodiscard]] Result<std::int32_t> namespace_id(int namespace_fd);
  [[nodiscard]] Status ask_state(LinkState& state, std::int32_t namespace_id);
  void guess_state(LinkState& state) const;

  int tun_fd_;
  RouteSocket events_;
  RouteSocket requests_;
  bool events_from_everywhere_ = false;
  bool polling_ = false;
  std::uint32_t index_ = 0;
  std::uint64_t birth_namespace_ = 0;  // inode of the namespace the watcher was opened in
  std::uint64_t namespace_ = 0;        // inode of the namespace the device is in
  LinkState state_;
};

}  // namespace xm
