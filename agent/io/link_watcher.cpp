#include "agent/io/link_watcher.hpp"

#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/net_namespace.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <utility>

namespace xm {
namespace {

// Where events do not reach, the device is looked at this often.
constexpr Duration kPollInterval = 1s;

// This namespace, in place of a number that others have.
constexpr std::int32_t kHere = -1;

// 0 when `namespace_fd` is none.
std::uint64_t inode_of(const Fd& namespace_fd) {
  struct stat status {};
  return namespace_fd && fstat(namespace_fd.get(), &status) == 0 ? status.st_ino : 0;
}

std::string name_in(const nlmsghdr& message) {
  std::string name;
  for_each_attribute(message, sizeof(ifinfomsg), [&](const nlattr& attribute) {
    if (mnl_attr_get_type(&attribute) == IFLA_IFNAME &&
        mnl_attr_validate(&attribute, MNL_TYPE_NUL_STRING) >= 0) {
      name = mnl_attr_get_str(&attribute);
    }
  });
  return name;
}

}  // namespace

Result<std::unique_ptr<LinkWatcher>> LinkWatcher::open(int tun_fd) {
  Result<RouteSocket> events = RouteSocket::open(RTMGRP_LINK);
  if (!events) return events.error();
  Result<RouteSocket> requests = RouteSocket::open(0);
  if (!requests) return requests.error();
  std::unique_ptr<LinkWatcher> watcher(
      new LinkWatcher(tun_fd, std::move(*events), std::move(*requests)));
  watcher->birth_namespace_ = inode_of(Fd(ioctl(watcher->events_.fd(), SIOCGSKNS)));
  watcher->events_from_everywhere_ = watcher->events_.listen_everywhere().ok();
  watcher->state_ = watcher->look();
  return watcher;
}

Duration LinkWatcher::interval() const {
  return polling_ ? kPollInterval : Duration::max();
}

LinkChanges LinkWatcher::refresh() {
  const bool concerned = drain_events();
  if (state_.gone || !(concerned || polling_)) return {};
  const std::uint64_t namespace_before = namespace_;
  LinkState now = look();
  LinkChanges changes;
  changes.up_or_down = now.up != state_.up;
  changes.mtu = now.mtu != state_.mtu && now.mtu != 0;
  changes.renamed = now.name != state_.name;
  changes.moved = namespace_ != namespace_before;
  changes.gone = now.gone;
  state_ = std::move(now);
  return changes;
}

bool LinkWatcher::drain_events() {
  bool concerned = false;
  const bool complete = events_.drain([&](const nlmsghdr& message, std::int32_t) {
    if (message.nlmsg_type != RTM_NEWLINK && message.nlmsg_type != RTM_DELLINK) return;
    if (mnl_nlmsg_get_payload_len(&message) < sizeof(ifinfomsg)) return;
    const auto* link = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(&message));
    concerned = concerned || static_cast<std::uint32_t>(link->ifi_index) == index_ ||
                name_in(message) == state_.name;
  });
  return concerned || !complete;
}

LinkState LinkWatcher::look() {
  LinkState state = state_;
  polling_ = false;

  ifreq request{};
  if (ioctl(tun_fd_, TUNGETIFF, &request) != 0) {
    state.gone = true;  // EBADFD: the descriptor is left without a device
    state.up = false;
    return state;
  }
  state.name = request.ifr_name;

  // Not permitted or not known to the kernel (before 5.5): taken to be here until it is not found.
  const Fd where(ioctl(tun_fd_, TUNGETDEVNETNS));
  if (where) namespace_ = inode_of(where);
  state.elsewhere = where && namespace_ != birth_namespace_;

  std::int32_t id = kHere;
  if (state.elsewhere) {
    const Result<std::int32_t> number = namespace_id(where.get());
    polling_ = !number.ok() || !events_from_everywhere_;
    if (!number) {
      guess_state(state);
      return state;
    }
    id = number.value();
  }
  if (!ask_state(state, id)) {
    polling_ = true;
    guess_state(state);
  }
  return state;
}

// The number by which this namespace knows that one; gives it one where it has none.
Result<std::int32_t> LinkWatcher::namespace_id(int namespace_fd) {
  alignas(nlmsghdr) std::array<char, 256> buffer{};
  const auto compose = [&](std::uint16_t type) {
    nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
    message->nlmsg_type = type;
    mnl_nlmsg_put_extra_header(message, sizeof(rtgenmsg));
    mnl_attr_put_u32(message, NETNSA_FD, static_cast<std::uint32_t>(namespace_fd));
    return message;
  };
  std::int32_t id = NETNSA_NSID_NOT_ASSIGNED;
  const auto read_id = [&](const nlmsghdr& message, std::int32_t) {
    for_each_attribute(message, sizeof(rtgenmsg), [&](const nlattr& attribute) {
      if (mnl_attr_get_type(&attribute) == NETNSA_NSID) {
        id = static_cast<std::int32_t>(mnl_attr_get_u32(&attribute));
      }
    });
  };

  const std::string what = "cannot number the TUN device's network namespace";
  if (Status got = requests_.request(*compose(RTM_GETNSID), what, read_id); !got) {
    return got.error();
  }
  if (id >= 0) return id;
  nlmsghdr* assign = compose(RTM_NEWNSID);
  mnl_attr_put_u32(assign, NETNSA_NSID, static_cast<std::uint32_t>(NETNSA_NSID_NOT_ASSIGNED));
  if (Status set = requests_.request(*assign, what); !set && set.error().os_errno != EEXIST) {
    return set.error();
  }
  if (Status got = requests_.request(*compose(RTM_GETNSID), what, read_id); !got) {
    return got.error();
  }
  if (id < 0) return Error{what};
  return id;
}

Status LinkWatcher::ask_state(LinkState& state, std::int32_t namespace_id) {
  alignas(nlmsghdr) std::array<char, 256> buffer{};
  nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = RTM_GETLINK;
  mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg));
  mnl_attr_put_strz(message, IFLA_IFNAME, state.name.c_str());
  if (namespace_id >= 0) {
    mnl_attr_put_u32(message, IFLA_TARGET_NETNSID, static_cast<std::uint32_t>(namespace_id));
  }
  const auto read_state = [&](const nlmsghdr& answer, std::int32_t) {
    const auto* link = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(&answer));
    index_ = static_cast<std::uint32_t>(link->ifi_index);
    state.up = (link->ifi_flags & IFF_UP) != 0;
    for_each_attribute(answer, sizeof(ifinfomsg), [&](const nlattr& attribute) {
      if (mnl_attr_get_type(&attribute) == IFLA_MTU) state.mtu = mnl_attr_get_u32(&attribute);
    });
  };
  return requests_.request(*message, "cannot ask for the state of " + state.name, read_state);
}

// A TUN descriptor is writable exactly while its device is up (tun_chr_poll in drivers/net/tun.c).
void LinkWatcher::guess_state(LinkState& state) const {
  pollfd writable{tun_fd_, POLLOUT, 0};
  state.up = ::poll(&writable, 1, 0) > 0 && (writable.revents & POLLOUT) != 0;
}

}  // namespace xm
