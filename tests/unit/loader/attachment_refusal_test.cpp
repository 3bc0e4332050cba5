// What attaching must not do, may not do, or has to do without.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <doctest/doctest.h>
#include <linux/capability.h>
#include <linux/if_link.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "loader/attachment.hpp"
#include "loader/pins.hpp"
#include "probe.skel.h"
#include "tests/unit/loader/attaching.hpp"
#include "xdpmesh/heartbeat.hpp"

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

// Somebody who writes a heartbeat, as long as it exists.
class Beating {
 public:
  explicit Beating(__u64& heartbeat)
      : thread_([this, &heartbeat] {
          while (!ended_.load()) {
            std::atomic_ref(heartbeat).store(heartbeat_time());
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
          }
        }) {
    while (std::atomic_ref(heartbeat).load() == 0) std::this_thread::yield();
  }
  ~Beating() {
    ended_.store(true);
    thread_.join();
  }

 private:
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

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

TEST_CASE(
    "an owner with another run directory is told by its heartbeat, and outlives the attempt") {
  XM_NEEDS_LAB();
  in_lab([](LoaderLab& lab) {
    SharedMaps shared = maps();
    Attachment owner = attach(shared, lab.options("xmv0"));
    REQUIRE(shared.put_session(77, {1, XM_SESSION_LIVE, 1}).ok());
    owner.program().config().abi_version = XM_ABI_VERSION;
    AttachOptions pod = lab.options("xmv0");
    pod.places.run = lab.directory / "another run";
    const std::vector<std::string> interfaces{"xmv0"};

    // The control thread's, then a worker's alone: it may be busy for a while.
    for (__u64* const beats :
         {&owner.program().config().heartbeat, &owner.program().queues()[3].heartbeat}) {
      const Beating beating(*beats);
      const Error error = attach_error(shared, pod);
      CHECK(error.os_errno == EBUSY);
      CHECK(error.what.find("the heartbeat in") != std::string::npos);
      CHECK(error.what.find("xdp-mesh detach xmv0") != std::string::npos);
      CHECK(Attachment::remove_remains("xmv0", pod.places).error().os_errno == EBUSY);
      CHECK(Attachment::inherit_shared_maps(16, interfaces, pod.places).ok());
      const std::uint32_t index = 77;
      xm_session session{};
      CHECK(bpf_map_lookup_elem(shared.sessions_fd(), &index, &session) == 0);
      CHECK(owner.program().config().abi_version == XM_ABI_VERSION);
      CHECK(owner.in_place());
    }

    // It beats no more: as after a death.
    Attachment heir = attach(shared, pod);
    CHECK(heir.report().adopted);
    CHECK(heir.detach().ok());
  });
}

TEST_CASE("maps that an unseen agent uses on another interface are left to it") {
  XM_NEEDS_LAB();
  in_lab([](LoaderLab& lab) {
    SharedMaps shared = maps();
    const Attachment dead = attach(shared, lab.options("xmv0"));
    Attachment living = attach(shared, lab.options("xmv1"));
    const Beating beating(living.program().config().heartbeat);
    Places pod = lab.places;
    pod.run = lab.directory / "another run";
    const std::vector<std::string> interfaces{"xmv0"};
    const auto found = Attachment::inherit_shared_maps(16, interfaces, pod);
    REQUIRE(found.ok());
    CHECK(map_id(found.value().sessions_fd()) != map_id(shared.sessions_fd()));
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
