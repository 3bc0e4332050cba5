#include "agent/cli/mesh_clients.hpp"

#include <doctest/doctest.h>

#include "agent/ctl/control_server.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/cli/captured.hpp"
#include "tests/unit/cli/mesh_sample.hpp"

namespace xm {
namespace {

struct Shown {
  int exit_code = -1;
  std::string out;
  std::string err;
};

template <typename Client, typename Asked>
Shown run(const Client& client, const Asked& command, const std::string& directory) {
  test::Captured captured;
  Shown shown;
  shown.exit_code = client(command, directory, Printer{captured.out(), captured.err()});
  shown.out = captured.out_text();
  shown.err = captured.err_text();
  return shown;
}

struct Lab {
  test::TemporaryDirectory directory;
  test::LineServer mesh{directory / (control_socket_name("mesh0") + ".sock"),
                        test::mesh_status("mesh0")};
  test::LineServer plain{directory / (control_socket_name("wg0") + ".sock"),
                         R"({"schema_version":1,"interface":"wg0","peers":[]})"};

  [[nodiscard]] Shown peers(const std::string& interface, bool json = false) {
    return run(show_peers, PeersCommand{interface, json}, directory.path());
  }
  [[nodiscard]] Shown resolve(const std::string& name, const std::string& interface = {}) {
    return run(resolve_name, ResolveCommand{name, interface}, directory.path());
  }
};

}  // namespace

TEST_CASE("peers client: a table of the members, then what was refused and what is wrong") {
  Lab lab;
  const Shown shown = lab.peers("");
  CHECK(shown.exit_code == 0);
  CHECK(shown.err.empty());
  CHECK(shown.out ==
        "home on mesh0: joined; this node is alpha (100.64.0.1, fd00::1)\n"
        "NAME           ADDRESSES            STATE    REACH    ENDPOINT         PATH  HANDSHAKE  "
        "TRUST\n"
        "gate, gw       100.64.0.2, fd00::2  alive    direct   192.0.2.1:51820  xdp   7 s ago    "
        "authorized key gate\n"
        "web-1          100.64.0.3           suspect  silent   -                none  never      "
        "organisation acme\n"
        "xm1namelessna  -                    dead     unknown  -                -     never      "
        "-\n"
        "refused to gate, gw: 10.0.0.0/8\n"
        "fault: clock is off\n");
  CHECK(lab.peers("mesh0").out == shown.out);
}

TEST_CASE("peers client: JSON has the members with what their sessions say") {
  Lab lab;
  const Shown shown = lab.peers("mesh0", true);
  CHECK(shown.exit_code == 0);
  CHECK(shown.out.starts_with(
      R"({"schema_version":1,"interface":"mesh0","mesh":"home","state":"joined",)"));
  CHECK(shown.out.find(R"("receive_path":"xdp","last_handshake_seconds":7)") != std::string::npos);
  CHECK(shown.out.find(R"("receive_path":null,"last_handshake_seconds":null)") !=
        std::string::npos);
  CHECK(shown.out.ends_with("}\n"));
}

TEST_CASE("peers client: a plain tunnel, and no agent, are failures that say so") {
  Lab lab;
  const Shown plain = lab.peers("wg0");
  CHECK(plain.exit_code == 1);
  CHECK(plain.out.empty());
  CHECK(plain.err == "xdp-mesh: the agent of wg0 is in no mesh\n");
  const Shown none = lab.peers("wg7");
  CHECK(none.exit_code == 1);
  CHECK(none.err.find("no agent runs for wg7") != std::string::npos);
}

TEST_CASE("resolve client: by name with and without .mesh, by address, by identity") {
  Lab lab;
  for (const char* name : {"gate", "gw", "gate.mesh", "GATE.mesh.", "fd00::2", "FD00:0::2",
                           "xm1gategategategate", "xm1gateg"}) {
    CAPTURE(name);
    const Shown shown = lab.resolve(name);
    CHECK(shown.exit_code == 0);
    CHECK(shown.out == "100.64.0.2\nfd00::2\n");
  }
  CHECK(lab.resolve("alpha").out == "100.64.0.1\nfd00::1\n");
  CHECK(lab.resolve("gate", "mesh0").exit_code == 0);
}

TEST_CASE("resolve client: asks the meshes of this network namespace, others by name") {
  const test::TemporaryDirectory directory;
  const test::LineServer far(directory / "mesh9@1.sock", test::mesh_status("mesh9", 1));
  const Shown here = run(resolve_name, ResolveCommand{"gate", {}}, directory.path());
  CHECK(here.exit_code == 1);
  CHECK(here.err.find("no running agent of this network namespace is in a mesh") !=
        std::string::npos);
  CHECK(run(resolve_name, ResolveCommand{"gate", "mesh9"}, directory.path()).exit_code == 0);
  CHECK(run(show_peers, PeersCommand{}, directory.path()).exit_code == 0);
}

TEST_CASE("resolve client: an unknown name is a failure with what is near") {
  Lab lab;
  for (const auto& [name, words] : std::vector<std::pair<std::string, std::string>>{
           {"gaet", "no member is called gaet; did you mean gate?"},
           {"web", "no member is called web; did you mean web-1?"},
           {"aplha.mesh", "no member is called aplha.mesh; did you mean alpha?"},
           {"elsewhere", "no member is called elsewhere (see `xdp-mesh peers`)"},
           {"xm1gate", "no member is called xm1gate"},
           {"xm1nameless", "xm1nameless has no address in the mesh yet"}}) {
    CAPTURE(name);
    const Shown shown = lab.resolve(name);
    CHECK(shown.exit_code == 1);
    CHECK(shown.out.empty());
    CHECK(shown.err.starts_with("xdp-mesh: " + words));
  }
  CHECK(lab.resolve("gate", "wg0").err == "xdp-mesh: the agent of wg0 is in no mesh\n");
}

}  // namespace xm
