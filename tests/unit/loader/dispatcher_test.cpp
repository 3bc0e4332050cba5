// libxdp's dispatcher, where the kernel allows it (Debian's 6.1 in the guest does), and what is
// said where it does not.
#include "loader/dispatcher.hpp"

#include <bpf/libbpf.h>
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <xdp/libxdp.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "loader/interface_facts.hpp"
#include "probe.skel.h"
#include "tests/unit/loader/attaching.hpp"
#include "xdpmesh/network_namespace.hpp"

using namespace xm;
using namespace xm::test;

namespace {

namespace fs = std::filesystem;

// A bpffs where libxdp looks for it, in the case's own mount namespace.
bool mount_shared_bpffs(LoaderLab& lab) {
  lab.places.bpffs = "/sys/fs/bpf";
  // libxdp makes its folder once a process: not again in the next case's mount.
  return mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=0700") == 0 &&
         mkdir("/sys/fs/bpf/xdp", 0700) == 0;
}

// Somebody else's program, put into the dispatcher as xdp-loader does.
class Neighbour {
 public:
  Neighbour() {
    xdp_program_opts options{};
    options.sz = sizeof options;
    options.obj = object_->obj;
    options.prog_name = "xm_probe";
    program_ = xdp_program__create(&options);
  }
  ~Neighbour() { xdp_program__close(program_); }
  bool attach(const std::string& interface) {
    return xdp_program__attach(program_, static_cast<int>(if_nametoindex(interface.c_str())),
                               XDP_MODE_NATIVE, 0) == 0;
  }
  bool detach(const std::string& interface) {
    return xdp_program__detach(program_, static_cast<int>(if_nametoindex(interface.c_str())),
                               XDP_MODE_NATIVE, 0) == 0;
  }
  std::uint32_t id() const { return xdp_program__id(program_); }

 private:
  std::unique_ptr<probe, void (*)(probe*)> object_{probe__open(), probe__destroy};
  xdp_program* program_ = nullptr;
};

AttachedProgram dispatcher_on(const std::string& interface) {
  auto programs = attached_programs(if_nametoindex(interface.c_str()));
  REQUIRE(programs.ok());
  REQUIRE(programs->size() == 1);
  CHECK(programs.value()[0].dispatcher);
  return programs.value()[0];
}

std::vector<std::string> member_names(const std::string& interface) {
  std::vector<std::string> names;
  for (const AttachedProgram& member : dispatcher_on(interface).members) {
    names.push_back(member.name);
  }
  std::ranges::sort(names);
  return names;
}

bool nothing_on(const std::string& interface) {
  const auto programs = attached_programs(if_nametoindex(interface.c_str()));
  return programs.ok() && programs.value().empty();
}

const std::vector<std::string> kAlone{"xm_steer"};
const std::vector<std::string> kBoth{"xm_probe", "xm_steer"};
const std::vector<std::string> kOther{"xm_probe"};

}  // namespace

#define XM_NEEDS_DISPATCHER()                                            \
  do {                                                                   \
    XM_NEEDS_LAB();                                                      \
    if (const auto obstacle = dispatcher_obstacle()) XM_SKIP(*obstacle); \
  } while (false)

TEST_CASE("dispatcher: refused by the kernel, the report has its reason and a link takes over") {
  XM_NEEDS_LAB();
  const auto obstacle = dispatcher_obstacle();
  if (!obstacle) XM_SKIP("this kernel lets programs be put into others");
  in_lab([&](LoaderLab& lab) {
    REQUIRE(mount_shared_bpffs(lab));
    const SharedMaps shared = maps();
    Attachment attachment = attach(shared, lab.options("xmv0"));
    CHECK(attachment.report().via == AttachVia::link);
    CHECK(attachment.report().pins == "/sys/fs/bpf/xdp-mesh/" + name_in_namespace("xmv0"));
    const auto& steps = attachment.report().steps;
    CHECK(std::ranges::any_of(steps, [&](const AttachStep& step) {
      return !step.taken && step.what == "libxdp's dispatcher" && step.reason == *obstacle;
    }));
    CHECK(attachment.detach().ok());
    CHECK(fs::is_empty("/sys/fs/bpf/xdp"));
    CHECK_FALSE(fs::exists("/sys/fs/bpf/xdp-mesh"));

    AttachOptions forced = lab.options("xmv0");
    forced.via = AttachVia::dispatcher;
    AttachReport report;
    const auto refused = Attachment::attach(shared, forced, report);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().what.find(*obstacle) != std::string::npos);
  });
}

TEST_CASE("dispatcher: with another program there before or after, each comes and goes alone") {
  XM_NEEDS_DISPATCHER();
  in_lab([](LoaderLab& lab) {
    REQUIRE(mount_shared_bpffs(lab));
    const SharedMaps shared = maps();
    {
      Attachment ours = attach(shared, lab.options("xmv0"));
      CHECK(ours.report().via == AttachVia::dispatcher);
      CHECK(ours.report().mode == AttachMode::native);
      CHECK(ours.in_place());
      CHECK(member_names("xmv0") == kAlone);
      CHECK(dispatcher_on("xmv0").members[0].id == ours.report().program_id);
      CHECK(ours.report().program_tag == ours.program().tag());
      Neighbour neighbour;
      REQUIRE(neighbour.attach("xmv0"));
      CHECK(member_names("xmv0") == kBoth);
      CHECK(ours.in_place());
      REQUIRE(ours.detach().ok());
      CHECK(member_names("xmv0") == kOther);
    }
    Attachment ours = attach(shared, lab.options("xmv0"));
    CHECK(ours.report().via == AttachVia::dispatcher);
    CHECK(member_names("xmv0") == kBoth);
    REQUIRE(ours.detach().ok());
    CHECK(member_names("xmv0") == kOther);

    AttachOptions link = lab.options("xmv0");
    link.via = AttachVia::link;
    AttachReport report;
    const auto refused = Attachment::attach(shared, link, report);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().os_errno == EBUSY);
    CHECK(member_names("xmv0") == kOther);
  });
}

TEST_CASE("dispatcher: a dead agent's program is adopted with its maps, else replaced") {
  XM_NEEDS_DISPATCHER();
  in_lab([](LoaderLab& lab) {
    REQUIRE(mount_shared_bpffs(lab));
    Neighbour neighbour;
    REQUIRE(neighbour.attach("xmv0"));
    const std::vector<std::string> interfaces{"xmv0"};
    std::uint32_t program = 0;
    {
      const SharedMaps shared = maps();
      Attachment dies = attach(shared, lab.options("xmv0"));
      program = dies.report().program_id;
      dies.program().config().abi_version = XM_ABI_VERSION;
    }
    const std::uint32_t dispatcher = dispatcher_on("xmv0").id;
    {
      auto shared = Attachment::inherit_shared_maps(16, interfaces, lab.places);
      REQUIRE(shared.ok());
      Attachment heir = attach(*shared, lab.options("xmv0"));
      CHECK(heir.report().adopted);
      CHECK(heir.report().adopted_maps);
      CHECK(heir.report().program_id == program);
      CHECK(heir.in_place());
      CHECK(dispatcher_on("xmv0").id == dispatcher);
    }
    const SharedMaps fresh = maps();
    Attachment heir = attach(fresh, lab.options("xmv0"));
    CHECK(heir.report().adopted);
    CHECK_FALSE(heir.report().adopted_maps);
    CHECK(heir.report().program_id != program);
    CHECK(heir.in_place());
    CHECK(member_names("xmv0") == kBoth);
    REQUIRE(heir.detach().ok());
    CHECK(member_names("xmv0") == kOther);
  });
}

TEST_CASE("dispatcher: a dead agent's remains are removed, alone and beside another") {
  XM_NEEDS_DISPATCHER();
  in_lab([](LoaderLab& lab) {
    REQUIRE(mount_shared_bpffs(lab));
    { Attachment dies = attach(maps(), lab.options("xmv0")); }
    CHECK(member_names("xmv0") == kAlone);
    CHECK(Attachment::remove_remains("xmv0", lab.places).ok());
    CHECK(nothing_on("xmv0"));
    CHECK(fs::is_empty("/sys/fs/bpf/xdp"));

    Neighbour neighbour;
    REQUIRE(neighbour.attach("xmv0"));
    { Attachment dies = attach(maps(), lab.options("xmv0")); }
    CHECK(Attachment::remove_remains("xmv0", lab.places).ok());
    CHECK(member_names("xmv0") == kOther);
    CHECK_FALSE(fs::exists("/sys/fs/bpf/xdp-mesh"));
  });
}

TEST_CASE("dispatcher: looking at it leaves no descriptor open") {
  XM_NEEDS_DISPATCHER();
  in_lab([](LoaderLab& lab) {
    REQUIRE(mount_shared_bpffs(lab));
    Attachment ours = attach(maps(), lab.options("xmv0"));
    const auto before = open_descriptors();
    for (int i = 0; i < 3; ++i) {
      CHECK(ours.in_place());
      CHECK(interface_facts("xmv0", lab.places).ok());
      CHECK(member_names("xmv0") == kAlone);
    }
    CHECK(open_descriptors() == before);
    CHECK(ours.detach().ok());
  });
}

TEST_CASE("dispatcher: an interface that goes leaves no pin of libxdp's for ours") {
  XM_NEEDS_DISPATCHER();
  in_lab([](LoaderLab& lab) {
    REQUIRE(mount_shared_bpffs(lab));
    Attachment ours = attach(maps(), lab.options("xmv0"));
    REQUIRE(delete_interface("xmv0"));
    CHECK_FALSE(ours.in_place());
    CHECK(ours.detach().ok());
    CHECK(fs::is_empty("/sys/fs/bpf/xdp"));
  });
}

// libxdp 1.3 leaves descriptors open at each attach and detach; what is counted beyond them is
// ours.
TEST_CASE("dispatcher: twenty times on and off leave no descriptor of ours open") {
  XM_NEEDS_DISPATCHER();
  in_lab([](LoaderLab& lab) {
    REQUIRE(mount_shared_bpffs(lab));
    const auto grows_by = [](const std::function<void()>& turn) {
      turn();  // what is kept for good
      const auto before = open_descriptors();
      for (int cycle = 0; cycle < 20; ++cycle) turn();
      return open_descriptors() - before;
    };
    const auto libraries = grows_by([] {
      Neighbour other;
      REQUIRE(other.attach("xmv1"));
      REQUIRE(other.detach("xmv1"));
    });
    const auto all = grows_by([&] {
      Attachment ours = attach(maps(), lab.options("xmv0"));
      REQUIRE(ours.report().via == AttachVia::dispatcher);
      REQUIRE(ours.detach().ok());
    });
    MESSAGE("descriptors left in 20 cycles: by libxdp alone ", libraries, ", with ours ", all);
    CHECK(all <= libraries);
  });
}
