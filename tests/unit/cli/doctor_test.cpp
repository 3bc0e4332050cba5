#include "agent/cli/doctor.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/cli/captured.hpp"

namespace xm {
namespace {

// A machine with the interfaces that are named, of which "bad" cannot be examined and "held" has an
// owner.
class FixedFacts final : public FactSource {
 public:
  explicit FixedFacts(std::vector<std::string> names, bool able = false)
      : names_(std::move(names)) {
    loader_facts.bpf = loader_facts.perfmon = loader_facts.network_admin = able;
    loader_facts.btf = able;
  }

  [[nodiscard]] Result<std::vector<std::string>> interfaces() const override { return names_; }
  [[nodiscard]] Result<InterfaceFacts> interface(const std::string& name) const override {
    if (name == "bad") return Error{"there is no interface bad", ENODEV};
    InterfaceFacts facts;
    facts.name = name;
    facts.driver = "veth";
    facts.mac = {2, 0, 0, 0, 0, 1};
    if (name == "held") facts.owner = "4711";
    facts.mtu = 1500;
    return facts;
  }
  [[nodiscard]] LoaderFacts loader() const override { return loader_facts; }

  LoaderFacts loader_facts;

 private:
  std::vector<std::string> names_;
};

}  // namespace

TEST_CASE("doctor: one interface, all of them, and what is bypassed") {
  const FixedFacts facts({"eth0", "eth1"}, /*able=*/true);
  test::Captured one;
  AttachRequest request;
  request.interface = "eth1";
  CHECK(examine(request, facts, one.out(), one.err()) == 0);
  CHECK(one.out_text().find("this process:\n") == 0);
  CHECK(one.out_text().find("eth1: would be attached") != std::string::npos);
  CHECK(one.out_text().find("eth0") == std::string::npos);
  CHECK(one.out_text().find("xdpdump") != std::string::npos);

  test::Captured all;
  CHECK(examine({}, facts, all.out(), all.err()) == 0);
  CHECK(all.out_text().find("eth0: would be attached") <
        all.out_text().find("eth1: would be attached"));
}

TEST_CASE("doctor: what would fail is exit 1") {
  const FixedFacts powerless({"eth0"});
  test::Captured captured;
  CHECK(examine({}, powerless, captured.out(), captured.err()) == 1);
  CHECK(captured.out_text().find("eth0: would not be attached") != std::string::npos);
  CHECK(captured.out_text().find("lacks CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN") != std::string::npos);

  const FixedFacts able({"bad"}, /*able=*/true);
  test::Captured missing;
  CHECK(examine({}, able, missing.out(), missing.err()) == 1);
  CHECK(missing.err_text() == "xdp-mesh: there is no interface bad\n");

  test::Captured held;
  CHECK(examine({}, FixedFacts({"held"}, /*able=*/true), held.out(), held.err()) == 1);
  CHECK(held.out_text().find("owner: an xdp-mesh agent, process 4711\n") != std::string::npos);
  CHECK(held.out_text().find("(process 4711) already owns it") != std::string::npos);

  test::Captured nothing;
  CHECK(examine({}, FixedFacts({}), nothing.out(), nothing.err()) == 1);
  CHECK(nothing.out_text().find("no network interface but loopback") != std::string::npos);
}

}  // namespace xm
