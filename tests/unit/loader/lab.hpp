// A namespace of a test's own with interfaces, a bpffs and a directory for locks in it; what a dead
// agent would leave goes with it.
#pragma once

#include <linux/if_link.h>
#include <linux/veth.h>
#include <sched.h>
#include <sys/mount.h>

#include <array>
#include <cstdint>
#include <functional>
#include <string>

#include "loader/attachment.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/io/own_namespace.hpp"
#include "tests/unit/loader/needs_bpf.hpp"

namespace xm::test {

// RTM_NEWLINK with IFLA_INFO_KIND `kind`; `put_data` appends what is inside IFLA_INFO_DATA;
// `below`: the ifindex of what it stands on, 0 for nothing.
inline bool make_link(const std::string& name, const char* kind,
                      const std::function<void(nlmsghdr*)>& put_data = nullptr,
                      std::uint32_t below = 0) {
  auto socket = RouteSocket::open(0);
  if (!socket) return false;
  alignas(nlmsghdr) std::array<char, 512> buffer{};
  nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = RTM_NEWLINK;
  message->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
  mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg));
  mnl_attr_put_strz(message, IFLA_IFNAME, name.c_str());
  if (below != 0) mnl_attr_put_u32(message, IFLA_LINK, below);
  nlattr* info = mnl_attr_nest_start(message, IFLA_LINKINFO);
  mnl_attr_put_str(message, IFLA_INFO_KIND, kind);
  if (put_data) {
    nlattr* data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
    put_data(message);
    mnl_attr_nest_end(message, data);
  }
  mnl_attr_nest_end(message, info);
  return socket->request(*message, "make " + name).ok();
}

inline bool make_veth(const std::string& name, const std::string& peer) {
  return make_link(name, "veth", [&](nlmsghdr* message) {
    nlattr* other = mnl_attr_nest_start(message, VETH_INFO_PEER);
    mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg));
    mnl_attr_put_strz(message, IFLA_IFNAME, peer.c_str());
    mnl_attr_nest_end(message, other);
  });
}

inline bool rename_interface(const std::string& from, const std::string& to) {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM, 0));
  ifreq request{};
  from.copy(request.ifr_name, IFNAMSIZ - 1);
  to.copy(request.ifr_newname, IFNAMSIZ - 1);
  return ioctl(socket.get(), SIOCSIFNAME, &request) == 0;
}

// The directories of one case. No bpffs is mounted at `bpffs`: the loader mounts its own.
struct LoaderLab {
  TemporaryDirectory directory;
  Places places{directory / "sys", directory / "bpf", directory / "run"};

  [[nodiscard]] AttachOptions options(const std::string& interface) const {
    AttachOptions wanted;
    wanted.interface = interface;
    wanted.places = places;
    return wanted;
  }
  ~LoaderLab() { umount2(places.own_bpffs.c_str(), MNT_DETACH); }
};

// Runs `body` in fresh network and mount namespaces with the veth pair xmv0, xmv1, up.
inline bool in_lab(const std::function<void(LoaderLab&)>& body) {
  const auto enter = [] {
    return unshare(CLONE_NEWNET | CLONE_NEWNS) == 0 &&
           mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 && set_up("lo", true);
  };
  return in_thread(enter, [&] {
    REQUIRE(make_veth("xmv0", "xmv1"));
    REQUIRE(set_up("xmv0", true));
    REQUIRE(set_up("xmv1", true));
    LoaderLab lab;
    body(lab);
  });
}

}  // namespace xm::test

// Skips the case where namespaces or BPF are not permitted.
#define XM_NEEDS_LAB()     \
  do {                     \
    XM_NEEDS_BPF();        \
    XM_NEEDS_NAMESPACES(); \
  } while (false)
