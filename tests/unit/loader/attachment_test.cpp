// Coming and going, on veth, dummy and loopback interfaces in namespaces of the test's.
#include "loader/attachment.hpp"

#include <bpf/bpf.h>
#include <doctest/doctest.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/unit/loader/attaching.hpp"
#include "xdpmesh/network_namespace.hpp"

using namespace xm;
using namespace xm::test;

namespace {

namespace fs = std::filesystem;

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
    if (make_link("xmd0", "dummy") || test::make_link("xmd0", "bridge")) {
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
    REQUIRE(set_interface_mtu("xmv0", 9000));
    REQUIRE(set_interface_mtu("xmv1", 9000));
    const SharedMaps shared = maps();
    Attachment attachment = attach(shared, lab.options("xmv0"));
    CAPTURE(steps(attachment.report()));
    CHECK(attachment.report().mode == AttachMode::native);
    CHECK(attachment.report().frags);
    CHECK(attachment.program().config().ifindex == attachment.ifindex());
    CHECK(attachment.detach().ok());
  });
}

TEST_CASE("a rename that is followed takes the pins along") {
  XM_NEEDS_LAB();
  in_lab([](LoaderLab& lab) {
    Attachment attachment = attach(maps(), lab.options("xmv0"));
    REQUIRE(set_up("xmv0", false));
    REQUIRE(rename_interface("xmv0", "xmv9"));
    CHECK(attachment.renamed("xmv9").ok());
    CHECK(fs::exists(lab.places.own_bpffs + "/" + name_in_namespace("xmv9") + "/xm_config"));
    CHECK(attachment.in_place());
    CHECK(attachment.detach().ok());
    CHECK(files(lab).empty());
  });
}

TEST_CASE("two interfaces that swap their names have each its own pins in the end") {
  XM_NEEDS_LAB();
  in_lab([](LoaderLab& lab) {
    const SharedMaps shared = maps();
    Attachment first = attach(shared, lab.options("xmv0"));
    Attachment second = attach(shared, lab.options("xmv1"));
    for (const char* name : {"xmv0", "xmv1"}) REQUIRE(set_up(name, false));
    REQUIRE(rename_interface("xmv0", "xmv9"));
    REQUIRE(rename_interface("xmv1", "xmv0"));
    REQUIRE(rename_interface("xmv9", "xmv1"));
    const Status in_the_way = first.renamed("xmv1");
    REQUIRE_FALSE(in_the_way.ok());
    CHECK(second.renamed("xmv0").ok());
    CHECK(first.renamed("xmv1").ok());
    CHECK(first.renamed("xmv1").ok());
    const auto pins = [&](const char* name) {
      return lab.places.own_bpffs + "/" + name_in_namespace(name);
    };
    CHECK(first.report().pins == pins("xmv1"));
    CHECK(second.report().pins == pins("xmv0"));
    CHECK(first.detach().ok());
    CHECK(fs::exists(pins("xmv0") + "/xm_config"));
    CHECK_FALSE(fs::exists(pins("xmv1")));
    CHECK(second.detach().ok());
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
      REQUIRE(delete_interface("xmv0"));
      CHECK_FALSE(attachment.in_place());
      CHECK(attachment.detach().ok());
      CHECK(files(lab).empty());
      REQUIRE(make_veth("xmv0", "xmv1"));
    }
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

TEST_CASE("twenty times on and off leave no program, map, link, pin or descriptor") {
  XM_NEEDS_LAB();
  in_lab([](LoaderLab& lab) {
    std::vector<std::uint32_t> programs;
    std::vector<std::uint32_t> links;
    std::vector<std::uint32_t> maps_made;
    std::ptrdiff_t descriptors = 0;
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
      if (cycle == 0) descriptors = open_descriptors();  // libraries keep some for good
    }
    CHECK(open_descriptors() <= descriptors);
    CHECK(files(lab).empty());
    CHECK(maps_made.size() == 20 * 8);
    for (const std::uint32_t id : programs) CHECK(is_freed(bpf_prog_get_fd_by_id, id));
    for (const std::uint32_t id : links) CHECK(is_freed(bpf_link_get_fd_by_id, id));
    for (const std::uint32_t id : maps_made) CHECK(is_freed(bpf_map_get_fd_by_id, id));
  });
}
