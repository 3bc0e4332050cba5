// On veth, dummy and loopback interfaces in namespaces of the test's.
#include "loader/attachment.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <doctest/doctest.h>
#include <linux/capability.h>
#include <linux/if_link.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loader/attached_programs.hpp"
#include "loader/pins.hpp"
#include "probe.skel.h"
#include "tests/unit/loader/lab.hpp"
#include "xdpmesh/network_namespace.hpp"

using namespace xm;
using test::in_lab;
using test::LoaderLab;

namespace {

namespace fs = std::filesystem;

std::vector<AttachedProgram> programs_on(const std::string& interface) {
  auto found = attached_programs(if_nametoindex(interface.c_str()));
  REQUIRE(found.ok());
  return std::move(found).value();
}

std::string steps(const AttachReport& report) {
  std::string text;
  for (const AttachStep& step : report.steps) text += step.to_string() + "\n";
  return text;
}

SharedMaps maps() {
  auto made = SharedMaps::create(16);
  REQUIRE(made.ok());
  return std::move(made).value();
}

Attachment attach(const SharedMaps& shared, const AttachOptions& options) {
  AttachReport report;
  auto attached = Attachment::attach(shared, options, report);
  if (!attached) FAIL(attached.error().what, "\n", steps(report));
  return std::move(attached).value();
}

Error attach_error(const SharedMaps& shared, const AttachOptions& options) {
  AttachReport report;
  auto attached = Attachment::attach(shared, options, report);
  REQUIRE_MESSAGE(!attached.ok(), steps(report));
  return attached.error();
}

// Files below the lab's directory, the bpffs included, without the kernel's own (maps.debug).
std::vector<std::string> files(const LoaderLab& lab) {
  std::vector<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(lab.directory.path())) {
    if (entry.path().extension() == ".debug") continue;
    if (!entry.is_directory()) found.push_back(entry.path().string());
  }
  return found;
}

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

// Whether no program is there; the last descriptor of a link that is closed acts a moment later.
bool is_clear(const std::string& interface) {
  for (int look = 0; look < 300 && !programs_on(interface).empty(); ++look) usleep(10'000);
  return programs_on(interface).empty();
}

// Whether the kernel has let go of an object of this number; that takes a moment.
bool is_freed(int (*open_by_id)(std::uint32_t), std::uint32_t id) {
  for (int look = 0; look < 300; ++look) {
    const Fd object(open_by_id(id));
    if (!object && errno == ENOENT) return true;
    usleep(10'000);
  }
  return false;
}

}  // namespace

TEST_CASE("attaching to a veth is native, pinned and in place; detaching leaves nothing") {
  XM_NEEDS_LAB();
  in_lab([](LoaderLab& lab) {
    const SharedMaps shared = maps();
    Attachment attachment = attach(shared, lab.options("xmv0"));
    const AttachReport& report = attachment.report();
    CAPTURE(steps(report));
    CHECK(report.mode == AttachMode::native);
    CHECK(report.via == AttachVia::link);
    CHECK(report.link_id != 0);
    CHECK_FALSE(report.adopted);
    CHECK(report.program_tag == attachment.program().tag());
    CHECK(report.pins == lab.places.own_bpffs + "/" + name_in_namespace("xmv0"));
    CHECK(attachment.in_place());
    CHECK(attachment.ifindex() == if_nametoindex("xmv0"));

    const auto programs = programs_on("xmv0");
    REQUIRE(programs.size() == 1);
    CHECK(programs[0].id == report.program_id);
    CHECK(programs[0].name == "xm_steer");
    for (const char* name : {"xm_config", "xm_local", "xm_sessions", "xm_replay", "xm_peers",
                             "xm_xsks", "xm_queues", "xm_stats", "program", "link"}) {
      CAPTURE(name);
      CHECK(fs::exists(report.pins + "/" + name));
    }
    CHECK((fs::status(report.pins).permissions() & fs::perms::all) == fs::perms::owner_all);

    REQUIRE(attachment.detach().ok());
    CHECK_FALSE(attachment.in_place());
    CHECK(programs_on("xmv0").empty());
    CHECK(files(lab).empty());
    CHECK_FALSE(fs::exists(lab.places.own_bpffs));
    CHECK(attachment.detach().ok());
  });
}

TEST_CASE("what has no native XDP is attached generic, with the kernel's reason for it") {
  XM_NEEDS_LAB();
  in_lab([](LoaderLab& lab) {
    const SharedMaps shared = maps();
    std::vector<const char*> interfaces{"lo"};
    // Neither driver need be there.
    if (test::make_link("xmd0", "dummy") || test::make_link("xmd0", "bridge")) {
      interfaces.push_back("xmd0");
    }
    for (const char* interface : interfaces) {
      CAPTURE(interface);
      Attachment attachment = attach(shared, lab.options(interface));
      CHECK(attachment.report().mode == AttachMode::generic);
      const std::string all = steps(attachment.report());
      CHECK_MESSAGE(all.find("native, through a BPF link: refused: ") != std::string::npos, all);
      CHECK(all.find("generic, through a BPF link\n") != std::string::npos);
      CHECK(attachment.detach().ok());

      AttachOptions native = lab.options(interface);
      native.mode = AttachMode::native;
      CHECK(attach_error(shared, native).what.find("native") != std::string::npos);
      CHECK(programs_on(interface).empty());
    }
    CHECK(files(lab).empty());
  });
}

TEST_CASE("mode and way can be forced") {
  XM_NEEDS_LAB();
  in_lab([](LoaderLab& lab) {
    const SharedMaps shared = maps();
    for (const AttachVia via : {AttachVia::link, AttachVia::netlink}) {
      for (const AttachMode mode : {AttachMode::native, AttachMode::generic}) {
        AttachOptions options = lab.options("xmv0");
        options.via = via;
        options.mode = mode;
        Attachment attachment = attach(shared, options);
        CAPTURE(steps(attachment.report()));
        CHECK(attachment.report().via == via);
        CHECK(attachment.report().mode == mode);
        CHECK(attachment.in_place());
        const auto programs = programs_on("xmv0");
        REQUIRE(programs.size() == 1);
        CHECK(programs[0].mode == mode);
        CHECK(attachment.detach().ok());
        CHECK(programs_on("xmv0").empty());
      }
    }
  });
}

TEST_CASE("an MTU beyond a buffer is attached natively with frags") {
  XM_NEEDS_LAB();
  in_lab([](LoaderLab& lab) {
    REQUIRE(test::set_interface_mtu("xmv0", 9000));
    REQUIRE(test::set_interface_mtu("xmv1", 9000));
    const SharedMaps shared = maps();
    Attachment attachment = attach(shared, lab.options("xmv0"));
    CAPTURE(steps(attachment.report()));
    CHECK(attachment.report().mode == AttachMode::native);
    CHECK(attachment.report().frags);
    CHECK(attachment.program().config().ifindex == attachment.ifindex());
    CHECK(attachment.detach().ok());
  });
}

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

TEST_CASE("after a death the same program's link and maps are adopted, and hold nothing old") {
  XM_NEEDS_LAB();
  in_lab([](LoaderLab& lab) {
    std::uint32_t link = 0;
    {
      SharedMaps shared = maps();
      Attachment dies = attach(shared, lab.options("xmv0"));
      link = dies.report().link_id;
      dies.program().config().abi_version = XM_ABI_VERSION;
      dies.program().queues()[0].heartbeat = 5;
      REQUIRE(shared.put_session(77, {1, XM_SESSION_LIVE, 1}).ok());
      shared.replay()[1].receiver_index = 77;
    }
    CHECK(programs_on("xmv0").size() == 1);

    const std::vector<std::string> interfaces{"xmv1", "xmv0"};
    auto shared = Attachment::inherit_shared_maps(16, interfaces, lab.places);
    REQUIRE(shared.ok());
    const std::uint32_t index = 77;
    xm_session session{};
    CHECK(bpf_map_lookup_elem(shared->sessions_fd(), &index, &session) != 0);
    CHECK(shared->replay()[1].receiver_index == 0);

    Attachment heir = attach(*shared, lab.options("xmv0"));
    CAPTURE(steps(heir.report()));
    CHECK(heir.report().adopted);
    CHECK(heir.report().adopted_maps);
    CHECK(heir.report().link_id == link);
    CHECK(heir.program().config().abi_version == 0);
    CHECK(heir.program().config().ifindex == heir.ifindex());
    CHECK(heir.program().queues()[0].heartbeat == 0);
    CHECK(heir.in_place());
    CHECK(heir.detach().ok());
    CHECK(programs_on("xmv0").empty());
    CHECK(files(lab).empty());
  });
}

TEST_CASE("of an agent that died on two interfaces one heir gets the maps, and keeps them") {
  XM_NEEDS_LAB();
  in_lab([](LoaderLab& lab) {
    std::uint32_t sessions = 0;
    {
      const SharedMaps shared = maps();
      sessions = map_id(shared.sessions_fd());
      Attachment first = attach(shared, lab.options("xmv0"));
      Attachment second = attach(shared, lab.options("xmv1"));
      first.program().config().abi_version = XM_ABI_VERSION;
      second.program().config().abi_version = XM_ABI_VERSION;
    }
    auto heirs = Attachment::inherit_shared_maps(16, std::vector<std::string>{"xmv0"}, lab.places);
    REQUIRE(heirs.ok());
    CHECK(map_id(heirs->sessions_fd()) == sessions);
    Attachment heir = attach(*heirs, lab.options("xmv0"));
    REQUIRE(heirs->put_session(77, {1, XM_SESSION_LIVE, 1}).ok());

    // Another agent, on the interface that the dead one held besides.
    auto others = Attachment::inherit_shared_maps(16, std::vector<std::string>{"xmv1"}, lab.places);
    REQUIRE(others.ok());
    CHECK(map_id(others->sessions_fd()) != sessions);
    Attachment other = attach(*others, lab.options("xmv1"));
    const std::uint32_t index = 77;
    xm_session session{};
    CHECK(bpf_map_lookup_elem(heirs->sessions_fd(), &index, &session) == 0);
    CHECK(heir.detach().ok());
    CHECK(other.detach().ok());
    CHECK(files(lab).empty());
  });
}

TEST_CASE("after a death maps of another ABI or size are replaced under the adopted link") {
  XM_NEEDS_LAB();
  in_lab([](LoaderLab& lab) {
    const std::vector<std::string> interfaces{"xmv0"};
    for (const auto& [abi, slots] : {std::pair{XM_ABI_VERSION + 1, 16U}, {XM_ABI_VERSION, 32U}}) {
      std::uint32_t link = 0;
      std::uint32_t program = 0;
      {
        const SharedMaps shared = maps();
        Attachment dies = attach(shared, lab.options("xmv0"));
        link = dies.report().link_id;
        program = dies.report().program_id;
        dies.program().config().abi_version = static_cast<std::uint32_t>(abi);
      }
      auto shared = Attachment::inherit_shared_maps(slots, interfaces, lab.places);
      REQUIRE(shared.ok());
      CHECK(shared->slots() == slots);
      Attachment heir = attach(*shared, lab.options("xmv0"));
      CAPTURE(steps(heir.report()));
      CHECK(heir.report().adopted);
      CHECK_FALSE(heir.report().adopted_maps);
      CHECK(heir.report().link_id == link);
      CHECK(heir.report().program_id != program);
      CHECK(programs_on("xmv0")[0].id == heir.report().program_id);
      CHECK(heir.detach().ok());
    }
    CHECK(files(lab).empty());
  });
}

TEST_CASE("after a death by netlink, and with another mode wished, the remains give way") {
  XM_NEEDS_LAB();
  in_lab([](LoaderLab& lab) {
    AttachOptions netlink = lab.options("xmv0");
    netlink.via = AttachVia::netlink;
    { Attachment dies = attach(maps(), netlink); }
    {
      Attachment heir = attach(maps(), lab.options("xmv0"));
      CAPTURE(steps(heir.report()));
      CHECK(heir.report().adopted);
      CHECK(heir.report().via == AttachVia::netlink);
      CHECK(programs_on("xmv0")[0].id == heir.report().program_id);
    }
    AttachOptions generic = lab.options("xmv0");
    generic.mode = AttachMode::generic;
    Attachment other = attach(maps(), generic);
    CAPTURE(steps(other.report()));
    CHECK_FALSE(other.report().adopted);
    CHECK(other.report().mode == AttachMode::generic);
    CHECK(programs_on("xmv0").size() == 1);
    CHECK(other.detach().ok());
    CHECK(files(lab).empty());
  });
}

TEST_CASE(
    "remains are removed with no agent: by link, by netlink, without pins, without interface") {
  XM_NEEDS_LAB();
  in_lab([](LoaderLab& lab) {
    for (const AttachVia via : {AttachVia::link, AttachVia::netlink}) {
      AttachOptions options = lab.options("xmv0");
      options.via = via;
      { Attachment dies = attach(maps(), options); }
      REQUIRE(programs_on("xmv0").size() == 1);
      CHECK(Attachment::remove_remains("xmv0", lab.places).ok());
      CHECK(programs_on("xmv0").empty());
      CHECK(files(lab).empty());
      CHECK(Attachment::remove_remains("xmv0", lab.places).error().os_errno == ENOENT);

      { Attachment dies = attach(maps(), options); }
      fs::remove_all(lab.places.own_bpffs + "/" + name_in_namespace("xmv0"));
      if (via == AttachVia::netlink) {
        CHECK(programs_on("xmv0").size() == 1);
        CHECK(Attachment::remove_remains("xmv0", lab.places).ok());
      }
      CHECK(is_clear("xmv0"));
    }
    { Attachment dies = attach(maps(), lab.options("xmv0")); }
    REQUIRE(test::delete_interface("xmv0"));
    CHECK(Attachment::remove_remains("xmv0", lab.places).ok());
    CHECK(files(lab).empty());
    CHECK(Attachment::remove_remains("xmv0", lab.places).error().os_errno == ENOENT);
  });
}

TEST_CASE("pins of a deleted interface are removed when its name comes back") {
  XM_NEEDS_LAB();
  in_lab([](LoaderLab& lab) {
    { Attachment dies = attach(maps(), lab.options("xmv0")); }
    REQUIRE(test::delete_interface("xmv0"));
    REQUIRE(test::make_veth("xmv0", "xmv1"));
    Attachment attachment = attach(maps(), lab.options("xmv0"));
    CAPTURE(steps(attachment.report()));
    CHECK_FALSE(attachment.report().adopted);
    CHECK(steps(attachment.report()).find("is gone") != std::string::npos);
    CHECK(attachment.in_place());
    CHECK(attachment.detach().ok());
  });
}

TEST_CASE("pins of another namespace, or of an interface that lives under another name") {
  XM_NEEDS_LAB();
  in_lab([](LoaderLab& lab) {
    const SharedMaps shared = maps();
    {
      Attachment dies = attach(shared, lab.options("xmv0"));
      dies.program().config().network_namespace += 1;
    }
    const Error foreign = attach_error(shared, lab.options("xmv0"));
    CHECK(foreign.os_errno == EXDEV);
    CHECK(foreign.what.find("network namespace") != std::string::npos);
    CHECK(Attachment::remove_remains("xmv0", lab.places).error().os_errno == EXDEV);
    fs::remove_all(lab.places.own_bpffs + "/" + name_in_namespace("xmv0"));

    // Renamed while nobody followed; then another interface takes the name.
    { Attachment dies = attach(shared, lab.options("xmv0")); }
    REQUIRE(test::set_up("xmv0", false));
    REQUIRE(test::rename_interface("xmv0", "xmv2"));
    REQUIRE(test::make_veth("xmv0", "xmv3"));
    const Error renamed = attach_error(shared, lab.options("xmv0"));
    CHECK(renamed.os_errno == EEXIST);
    CHECK(renamed.what.find("xmv2") != std::string::npos);
    Attachment heir = attach(shared, lab.options("xmv2"));
    CHECK(heir.report().adopted);
    CHECK(heir.report().pins == lab.places.own_bpffs + "/" + name_in_namespace("xmv2"));
    CHECK(heir.detach().ok());
    CHECK(files(lab).empty());
  });
}

TEST_CASE("a rename that is followed takes the pins along") {
  XM_NEEDS_LAB();
  in_lab([](LoaderLab& lab) {
    Attachment attachment = attach(maps(), lab.options("xmv0"));
    REQUIRE(test::set_up("xmv0", false));
    REQUIRE(test::rename_interface("xmv0", "xmv9"));
    CHECK(attachment.renamed("xmv9").ok());
    CHECK(fs::exists(lab.places.own_bpffs + "/" + name_in_namespace("xmv9") + "/xm_config"));
    CHECK(attachment.in_place());
    CHECK(attachment.detach().ok());
    CHECK(files(lab).empty());
  });
}

TEST_CASE("an interface that goes takes the program along, and detaching is no error") {
  XM_NEEDS_LAB();
  in_lab([](LoaderLab& lab) {
    for (const AttachVia via : {AttachVia::link, AttachVia::netlink}) {
      AttachOptions options = lab.options("xmv0");
      options.via = via;
      Attachment attachment = attach(maps(), options);
      REQUIRE(test::delete_interface("xmv0"));
      CHECK_FALSE(attachment.in_place());
      CHECK(attachment.detach().ok());
      CHECK(files(lab).empty());
      REQUIRE(test::make_veth("xmv0", "xmv1"));
    }
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

TEST_CASE("there is no such interface: an error that says so") {
  XM_NEEDS_LAB();
  in_lab([](LoaderLab& lab) {
    const Error error = attach_error(maps(), lab.options("xmv7"));
    CHECK(error.what.find("xmv7") != std::string::npos);
    CHECK(error.os_errno == ENODEV);
    CHECK(files(lab).empty());
  });
}

TEST_CASE("twenty times on and off leave no program, map, link or pin") {
  XM_NEEDS_LAB();
  in_lab([](LoaderLab& lab) {
    std::vector<std::uint32_t> programs;
    std::vector<std::uint32_t> links;
    std::vector<std::uint32_t> maps_made;
    for (int cycle = 0; cycle < 20; ++cycle) {
      const SharedMaps shared = maps();
      AttachOptions options = lab.options("xmv0");
      options.mode = cycle % 2 == 0 ? AttachMode::native : AttachMode::generic;
      Attachment attachment = attach(shared, options);
      programs.push_back(attachment.report().program_id);
      links.push_back(attachment.report().link_id);
      for (const auto& pin : fs::directory_iterator(attachment.report().pins)) {
        const Fd map(bpf_obj_get(pin.path().c_str()));
        bpf_map_info info{};
        std::uint32_t size = sizeof info;
        if (!pin.path().filename().string().starts_with("xm_")) continue;
        REQUIRE(bpf_obj_get_info_by_fd(map.get(), &info, &size) == 0);
        maps_made.push_back(info.id);
      }
      REQUIRE(attachment.detach().ok());
    }
    CHECK(files(lab).empty());
    CHECK(maps_made.size() == 20 * 8);
    for (const std::uint32_t id : programs) CHECK(is_freed(bpf_prog_get_fd_by_id, id));
    for (const std::uint32_t id : links) CHECK(is_freed(bpf_link_get_fd_by_id, id));
    for (const std::uint32_t id : maps_made) CHECK(is_freed(bpf_map_get_fd_by_id, id));
  });
}
