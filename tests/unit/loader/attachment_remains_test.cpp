// What a dead agent left on an interface: adopted, replaced, or removed.
#include <bpf/bpf.h>
#include <doctest/doctest.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <vector>

#include "loader/attachment.hpp"
#include "loader/pins.hpp"
#include "tests/unit/loader/attaching.hpp"
#include "xdpmesh/network_namespace.hpp"

using namespace xm;
using namespace xm::test;
namespace fs = std::filesystem;

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
    REQUIRE(delete_interface("xmv0"));
    CHECK(Attachment::remove_remains("xmv0", lab.places).ok());
    CHECK(files(lab).empty());
    CHECK(Attachment::remove_remains("xmv0", lab.places).error().os_errno == ENOENT);
  });
}

TEST_CASE("pins of a deleted interface are removed when its name comes back") {
  XM_NEEDS_LAB();
  in_lab([](LoaderLab& lab) {
    { Attachment dies = attach(maps(), lab.options("xmv0")); }
    REQUIRE(delete_interface("xmv0"));
    REQUIRE(make_veth("xmv0", "xmv1"));
    Attachment attachment = attach(maps(), lab.options("xmv0"));
    CAPTURE(steps(attachment.report()));
    CHECK_FALSE(attachment.report().adopted);
    CHECK(steps(attachment.report()).find("is gone") != std::string::npos);
    CHECK(attachment.in_place());
    CHECK(attachment.detach().ok());
  });
}

TEST_CASE("pins of a deleted interface are removed by whoever attaches next, to another one") {
  XM_NEEDS_LAB();
  in_lab([](LoaderLab& lab) {
    REQUIRE(make_veth("xmv4", "xmv5"));
    { Attachment dies = attach(maps(), lab.options("xmv4")); }
    {
      // Of a namespace that is gone, by what its link says.
      Attachment dies = attach(maps(), lab.options("xmv5"));
      dies.program().config().network_namespace += 1;
    }
    {
      // Of one that lives.
      Attachment stays = attach(maps(), lab.options("xmv1"));
      stays.program().config().network_namespace += 1;
    }
    REQUIRE(delete_interface("xmv4"));
    Attachment attachment = attach(maps(), lab.options("xmv0"));
    CAPTURE(steps(attachment.report()));
    const auto is_pinned = [&](const char* interface) {
      return fs::exists(lab.places.own_bpffs + "/" + name_in_namespace(interface));
    };
    CHECK_FALSE(is_pinned("xmv4"));
    CHECK_FALSE(is_pinned("xmv5"));
    CHECK(is_pinned("xmv1"));
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
    REQUIRE(set_up("xmv0", false));
    REQUIRE(rename_interface("xmv0", "xmv2"));
    REQUIRE(make_veth("xmv0", "xmv3"));
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
