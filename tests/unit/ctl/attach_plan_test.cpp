#include "agent/ctl/attach_plan.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <vector>

namespace xm {
namespace {

struct World {
  AttachRequest request;
  InterfaceFacts interface;
  LoaderFacts loader;
};

// A capable card, and a process that may do everything.
World best() {
  World world;
  world.request.interface = "eth0";
  world.interface.name = "eth0";
  world.interface.index = 3;
  world.interface.up = true;
  world.interface.mac = {2, 0, 0, 0, 0, 1};
  world.interface.mtu = 1500;
  world.interface.driver = "ixgbe";
  world.interface.receive_queues = 4;
  world.interface.features = XdpFeatures{true, true, true, true, 0};
  world.loader.bpf = world.loader.perfmon = true;
  world.loader.network_admin = world.loader.network_raw = true;
  world.loader.system_admin = world.loader.lock_memory = world.loader.btf = true;
  world.loader.kernel = "6.1.0";
  world.loader.bpffs = Bpffs{"/sys/fs/bpf/xdp-mesh", true};
  return world;
}

std::string plan_of(const World& world) {
  return plan_text(plan_attach(world.request, world.interface, world.loader));
}

AttachedProgram program(const char* name, AttachMode mode = AttachMode::native) {
  AttachedProgram program;
  program.id = 12;
  program.name = name;
  program.mode = mode;
  return program;
}

AttachedProgram dispatcher(std::vector<AttachedProgram> members) {
  AttachedProgram program;
  program.id = 11;
  program.name = "xdp_dispatcher";
  program.dispatcher = true;
  program.members = std::move(members);
  return program;
}

}  // namespace

TEST_CASE("attach plan: the best of everything") {
  const World world = best();
  const std::string plan = plan_of(world);
  CAPTURE(plan);
  CHECK(plan.starts_with("eth0: would be attached\n"));
  CHECK(plan.find("  refused  ") == std::string::npos);
  for (const char* part : {"done     native mode: the driver ixgbe says that it can",
                           "done     libxdp dispatcher", "AF_XDP sockets on 4 queue(s)",
                           "done     zero-copy", "2048 chunks of 2048 bytes a queue"}) {
    CAPTURE(part);
    CHECK(plan.find(part) != std::string::npos);
  }
}

TEST_CASE("attach plan: what stands in the way, and what then") {
  struct Row {
    const char* why;
    std::function<void(World&)> change;
    bool attached;
    std::string words;
  };
  const std::vector<Row> rows{
      {"no CAP_BPF", [](World& w) { w.loader.bpf = false; }, false,
       "refused  load the program: this process lacks CAP_BPF: run as root"},
      {"no CAP_PERFMON", [](World& w) { w.loader.perfmon = false; }, false,
       "refused  load the program: this process lacks CAP_PERFMON"},
      {"no CAP_NET_ADMIN, no CAP_PERFMON",
       [](World& w) { w.loader.perfmon = w.loader.network_admin = false; }, false,
       "lacks CAP_PERFMON, CAP_NET_ADMIN"},
      {"no BTF", [](World& w) { w.loader.btf = false; }, false,
       "refused  load the program: no BTF of this kernel is found"},
      {"a living agent has it",
       [](World& w) {
         w.interface.owner = "4711";
         w.interface.programs = {program("xm_steer")};
       },
       false,
       "refused  own eth0: an xdp-mesh agent (process 4711) already owns it: `xdp-mesh detach"},
      {"a foreign program", [](World& w) { w.interface.programs = {program("xdp_pass")}; }, false,
       "is never replaced: remove it (`ip link set eth0 xdp off`)"},
      {"a dispatcher", [](World& w) { w.interface.programs = {dispatcher({program("xdp_pass")})}; },
       true, "done     libxdp dispatcher: 'xdp_dispatcher' (id 11, native) is there and stays"},
      {"a dispatcher that cannot be joined",
       [](World& w) {
         w.interface.programs = {dispatcher({program("xdp_pass")})};
         w.loader.dispatcher_obstacle = "putting a program into another: Operation not permitted";
       },
       false,
       "refused  libxdp dispatcher: putting a program into another: Operation not permitted\n"
       "  refused  BPF link: 'xdp_dispatcher' (id 11, native) has the place"},
      {"a dispatcher in generic mode",
       [](World& w) {
         w.interface.programs = {dispatcher({program("xdp_pass")})};
         w.interface.programs[0].mode = AttachMode::generic;
       },
       true, "done     generic mode: as 'xdp_dispatcher' (id 11, generic)"},
      {"a dispatcher in generic mode, native alone",
       [](World& w) {
         w.interface.programs = {dispatcher({program("xdp_pass")})};
         w.interface.programs[0].mode = AttachMode::generic;
         w.request.mode = AttachMode::native;
       },
       false, "refused  native mode: 'xdp_dispatcher' (id 11, generic) is there in the other mode"},
      {"ours is there", [](World& w) { w.interface.programs = {program("xm_steer")}; }, true,
       "adopt or replace our own program"},
      {"ours is there, in generic mode",
       [](World& w) { w.interface.programs = {program("xm_steer", AttachMode::generic)}; }, true,
       "refused  zero-copy: generic mode copies"},
      {"ours is there, in the other mode",
       [](World& w) {
         w.interface.programs = {program("xm_steer", AttachMode::generic)};
         w.request.mode = AttachMode::native;
       },
       true,
       "done     take off our own program: 'xm_steer' (id 12, generic) is there, and another"},
      {"ours is in a dispatcher of its own",
       [](World& w) {
         w.interface.programs = {dispatcher({program("xm_steer")})};
         w.loader.dispatcher_obstacle = "not asked for: it is in one";
       },
       true, "adopt or replace our own program"},
      {"a driver without XDP", [](World& w) { w.interface.features = XdpFeatures{}; }, true,
       "refused  native mode: the driver ixgbe has no XDP\n  done     generic mode"},
      {"native alone, and a driver without XDP",
       [](World& w) {
         w.interface.features = XdpFeatures{};
         w.request.mode = AttachMode::native;
       },
       false, "refused  native mode"},
      {"features unknown", [](World& w) { w.interface.features.reset(); }, true,
       "not known before it is tried"},
      {"loopback", [](World& w) { w.interface.loopback = true; }, true, "refused  native mode"},
      {"generic", [](World& w) { w.request.mode = AttachMode::generic; }, true,
       "refused  zero-copy: generic mode copies"},
      {"no dispatcher", [](World& w) { w.loader.dispatcher_obstacle = "Operation not permitted"; },
       true,
       "refused  libxdp dispatcher: Operation not permitted\n  done     BPF link: else netlink"},
      {"no bpffs", [](World& w) { w.loader.bpffs.reset(); }, true,
       "done     pins in a bpffs of xdp-mesh's own: none is mounted on /sys/fs/bpf"},
      {"no bpffs, and no right to mount one",
       [](World& w) {
         w.loader.bpffs.reset();
         w.loader.system_admin = false;
       },
       true, "refused  pins: no bpffs is mounted, and CAP_SYS_ADMIN is missing"},
      {"no CAP_NET_RAW", [](World& w) { w.loader.network_raw = false; }, true,
       "CAP_NET_RAW is missing; data messages come by the UDP socket"},
      {"no CAP_NET_RAW, xdp alone",
       [](World& w) {
         w.loader.network_raw = false;
         w.request.rx = ReceiveChoice::xdp;
       },
       false, "CAP_NET_RAW is missing"},
      {"no CAP_NET_RAW, zero-copy alone",
       [](World& w) {
         w.loader.network_raw = false;
         w.request.zero_copy = ZeroCopyChoice::yes;
       },
       false, "CAP_NET_RAW is missing"},
      {"no Ethernet", [](World& w) { w.interface.mac = {}; }, true,
       "refused  AF_XDP sockets: eth0 has no Ethernet headers: the program passes everything"},
      {"no Ethernet, xdp alone",
       [](World& w) {
         w.interface.mac = {};
         w.request.rx = ReceiveChoice::xdp;
       },
       false, "has no Ethernet headers"},
      {"socket", [](World& w) { w.request.rx = ReceiveChoice::socket; }, true,
       "done     receive by the UDP socket: asked for"},
      {"a driver that cannot redirect", [](World& w) { w.interface.features->redirect = false; },
       true, "cannot redirect"},
      {"more queues than there are", [](World& w) { w.request.queues = 8; }, true,
       "AF_XDP sockets on 4 queue(s): 4 receive queue(s) there, 8 asked for"},
      {"fewer queues than there are", [](World& w) { w.request.queues = 2; }, true,
       "packets of the others come by the UDP socket"},
      {"no zero-copy", [](World& w) { w.interface.features->zero_copy = false; }, true,
       "refused  zero-copy: the driver ixgbe has no zero-copy (netdev features)\n  done     copy "
       "mode"},
      {"no zero-copy, and nothing else",
       [](World& w) {
         w.interface.features->zero_copy = false;
         w.request.zero_copy = ZeroCopyChoice::yes;
       },
       false, "refused  zero-copy"},
      {"no zero-copy, and nothing else, but it is down",
       [](World& w) {
         w.interface.features->zero_copy = w.interface.up = false;
         w.request.zero_copy = ZeroCopyChoice::yes;
       },
       true, "refused  zero-copy"},
      {"copies wanted", [](World& w) { w.request.zero_copy = ZeroCopyChoice::no; }, true,
       "copy mode: asked for"},
      {"a large MTU", [](World& w) { w.interface.mtu = 1771; }, true, "chunks of 4096 bytes"},
      {"the largest MTU of a small chunk", [](World& w) { w.interface.mtu = 1770; }, true,
       "chunks of 2048 bytes"},
      {"a jumbo MTU", [](World& w) { w.interface.mtu = 9000; }, true,
       "longer ones (the MTU is 9000) come by the UDP socket"},
      {"little memory",
       [](World& w) {
         w.loader.lock_memory = false;
         w.loader.locked_memory_limit = 65536;
       },
       true, "the limit on locked memory is 65536 bytes"},
      {"down", [](World& w) { w.interface.up = false; }, true, "eth0 is down"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    World world = best();
    row.change(world);
    const AttachReply reply = plan_attach(world.request, world.interface, world.loader);
    const std::string plan = plan_text(reply);
    CAPTURE(plan);
    CHECK(reply.dry_run);
    CHECK(reply.attached == row.attached);
    CHECK(plan.find(row.words) != std::string::npos);
  }
}

TEST_CASE("attach plan: the facts for people") {
  World world = best();
  world.interface.gro = false;
  world.interface.owner = "4711";
  world.interface.programs = {program("xdp_pass")};
  world.interface.most_channels = ChannelCounts{0, 0, 8};
  const std::string interface = facts_text(world.interface);
  for (const char* part :
       {"device: index 3, driver ixgbe, MTU 1500, up\n",
        "receive queues: 4, at most 8 (`ethtool -L eth0`; newer kernels refuse fewer while ",
        "XDP: native mode, redirect, zero-copy, packets of several buffers\n", "GRO: off (",
        "owner: an xdp-mesh agent, process 4711\n", "programs there: 'xdp_pass' (id 12, native)\n",
        "addresses: none"}) {
    CAPTURE(part);
    CAPTURE(interface);
    CHECK(interface.find(part) != std::string::npos);
  }
  world.interface.features.reset();
  CHECK(facts_text(world.interface).find("XDP: not known") != std::string::npos);

  const std::string loader = facts_text(world.loader);
  for (const char* part :
       {"kernel: 6.1.0, with BTF\n", "CAP_SYS_ADMIN: yes\n", "CAP_PERFMON: yes\n",
        "CAP_IPC_LOCK: yes\n", "libxdp's dispatcher: yes\n", "locked memory: no limit\n",
        "bpffs: /sys/fs/bpf/xdp-mesh\n"}) {
    CAPTURE(part);
    CAPTURE(loader);
    CHECK(loader.find(part) != std::string::npos);
  }
  world.loader = {};
  world.loader.locked_memory_limit = 8'388'608;
  world.loader.dispatcher_obstacle = "Operation not permitted";
  CHECK(facts_text(world.loader).find("locked memory: 8388608 bytes") != std::string::npos);
  CHECK(facts_text(world.loader).find("bpffs: none is mounted") != std::string::npos);
  CHECK(facts_text(world.loader).find("CAP_IPC_LOCK: no\n") != std::string::npos);
  CHECK(facts_text(world.loader).find("dispatcher: no: Operation not permitted\n") !=
        std::string::npos);
  for (const char* word : {"nftables", "connection", "rp_filter", "tcpdump", "xdpdump"}) {
    CHECK(bypass_text().find(word) != std::string::npos);
  }
}

}  // namespace xm
