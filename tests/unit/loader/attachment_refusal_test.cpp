// What attaching must not do, may not do, or has to do without.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <doctest/doctest.h>
#include <linux/capability.h>
#include <linux/if_link.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>

#include "loader/attachment.hpp"
#include "probe.skel.h"
#include "tests/unit/loader/attaching.hpp"

using namespace xm;
using namespace xm::test;

namespace {

// Somebody else's program, attached by netlink.
struct Foreign {
  std::unique_ptr<probe, void (*)(probe*)> object{probe__open_and_load(), probe__destroy};
  int fd() const { return bpf_program__fd(object->progs.xm_probe); }
  bool attach(const std::string& interface, std::uint32_t mode) const {
    return bpf_xdp_attach(static_cast<int>(if_nametoindex(interface.c_str())), fd(), mode,
                          nullptr) == 0;
  }
};

// Leaves this thread these capabilities alone.
bool keep_capabilities(std::uint64_t bits) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  for (unsigned half = 0; half < 2; ++half) {
    data[half].effective = data[half].permitted = static_cast<std::uint32_t>(bits >> 32 * half);
  }
  return syscall(SYS_capset, &header, data) == 0;
}

}  // namespace

TEST_CASE("a foreign program is not replaced, and the error names it") {
  XM_NEEDS_LAB();
  in_lab([](LoaderLab& lab) {
    const SharedMaps shared = maps();
    const Foreign foreign;
    for (const std::uint32_t mode : {XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE}) {
      REQUIRE(foreign.attach("xmv0", mode));
      const auto before = programs_on("xmv0");
      REQUIRE(before.size() == 1);
      const Error error = attach_error(shared, lab.options("xmv0"));
      CHECK(error.os_errno == EBUSY);
      CHECK(error.what.find("'xm_probe' (id " + std::to_string(before[0].id)) != std::string::npos);
      CHECK(error.what.find("dispatcher") != std::string::npos);
      CHECK(programs_on("xmv0")[0].id == before[0].id);
      CHECK(Attachment::remove_remains("xmv0", lab.places).error().os_errno == ENOENT);
      CHECK(programs_on("xmv0")[0].id == before[0].id);
      REQUIRE(bpf_xdp_detach(static_cast<int>(if_nametoindex("xmv0")), mode, nullptr) == 0);
    }
    CHECK(files(lab).empty());
  });
}

TEST_CASE("an interface has one owner: the second is refused with the first one's process") {
  XM_NEEDS_LAB();
  in_lab([](LoaderLab& lab) {
    const SharedMaps shared = maps();
    Attachment owner = attach(shared, lab.options("xmv0"));
    const Error error = attach_error(shared, lab.options("xmv0"));
    CHECK(error.os_errno == EBUSY);
    CHECK(error.what.find("process " + std::to_string(getpid())) != std::string::npos);
    CHECK(Attachment::remove_remains("xmv0", lab.places).error().os_errno == EBUSY);
    CHECK(owner.in_place());

    Attachment neighbour = attach(shared, lab.options("xmv1"));
    CHECK(neighbour.in_place());
    CHECK(owner.detach().ok());
    Attachment next = attach(shared, lab.options("xmv0"));
    CHECK(next.detach().ok());
    CHECK(neighbour.detach().ok());
  });
}

TEST_CASE("without a bpffs it attaches without pins, says so, and goes with its owner") {
  XM_NEEDS_LAB();
  in_lab([](LoaderLab& lab) {
    AttachOptions options = lab.options("xmv0");
    options.places.own_bpffs = "/proc/no/bpffs/here";
    {
      Attachment attachment = attach(maps(), options);
      CHECK(attachment.report().pins.empty());
      CHECK(steps(attachment.report()).find("pins: refused") != std::string::npos);
      CHECK(programs_on("xmv0").size() == 1);
    }
    CHECK(is_clear("xmv0"));
  });
}

TEST_CASE(
    "without CAP_SYS_ADMIN it attaches by link and adopts; with nothing it names what lacks") {
  XM_NEEDS_LAB();
  in_lab([](LoaderLab& lab) {
    // Mounting one takes CAP_SYS_ADMIN, using it does not.
    REQUIRE(find_or_mount_bpffs(lab.places).ok());
    REQUIRE(keep_capabilities(1ULL << CAP_BPF | 1ULL << CAP_NET_ADMIN | 1ULL << CAP_PERFMON));
    std::uint32_t link = 0;
    {
      Attachment dies = attach(maps(), lab.options("xmv0"));
      CAPTURE(steps(dies.report()));
      CHECK(dies.report().via == AttachVia::link);
      link = dies.report().link_id;
    }
    const SharedMaps shared = maps();
    Attachment heir = attach(shared, lab.options("xmv0"));
    CAPTURE(steps(heir.report()));
    CHECK(heir.report().adopted);
    CHECK(heir.report().link_id == link);
    CHECK(heir.detach().ok());
    AttachOptions netlink = lab.options("xmv0");
    netlink.via = AttachVia::netlink;
    Attachment other = attach(shared, netlink);
    CHECK(other.in_place());
    CHECK(other.detach().ok());

    const Foreign foreign;
    REQUIRE(foreign.attach("xmv0", XDP_FLAGS_DRV_MODE));
    CHECK(attach_error(shared, lab.options("xmv0")).what.find("a program (id ") !=
          std::string::npos);

    REQUIRE(keep_capabilities(0));
    const auto none = SharedMaps::create(16);
    if (none) return;  // kernel.unprivileged_bpf_disabled is 0
    CHECK(none.error().os_errno == EPERM);
    CHECK(none.error().what.find("lacks CAP_BPF") != std::string::npos);
  });
}
