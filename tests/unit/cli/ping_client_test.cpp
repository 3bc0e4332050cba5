#include "agent/cli/ping_client.hpp"

#include <doctest/doctest.h>

#include <utility>
#include <vector>

#include "agent/ctl/control_server.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/cli/captured.hpp"
#include "tests/unit/cli/mesh_sample.hpp"

namespace xm {
namespace {

using Answer = Result<std::optional<Duration>>;

// What will be answered, in turn.
class FakeEcho final : public Echo {
 public:
  explicit FakeEcho(std::vector<Answer> answers) : answers_(std::move(answers)) {}
  Answer ask(std::uint16_t sequence, Duration) override { return answers_.at(sequence - 1U); }

 private:
  std::vector<Answer> answers_;
};

struct Lab {
  test::TemporaryDirectory directory;
  test::LineServer mesh{directory / (control_socket_name("mesh0") + ".sock"),
                        test::mesh_status("mesh0")};
  test::Captured captured;
  std::vector<Answer> answers;
  std::string opened;
  Duration paused{};

  [[nodiscard]] int ping(const std::string& peer) {
    const auto open = [&](const IpAddress& to,
                          const std::string& interface) -> Result<std::unique_ptr<Echo>> {
      opened = to.to_string() + " " + interface;
      if (answers.empty()) return Error{"cannot open a socket for ICMP"};
      return std::unique_ptr<Echo>(std::make_unique<FakeEcho>(answers));
    };
    return ping_member({peer, {}, static_cast<std::uint32_t>(answers.size())}, directory.path(),
                       open, [&](Duration time) { paused += time; },
                       {captured.out(), captured.err()});
  }
  [[nodiscard]] bool says(const std::string& words) {
    return captured.out_text().find(words) != std::string::npos;
  }
  [[nodiscard]] bool complains(const std::string& words) {
    return captured.err_text().find(words) != std::string::npos;
  }
};

Answer after(Duration time) {
  return std::optional(time);
}
const Answer kSilence = std::optional<Duration>();

}  // namespace

TEST_CASE("ping client: each answer with its time and path, silence and refusals in between") {
  Lab lab;
  lab.answers = {after(1'500us), kSilence, Error{"cannot send to 100.64.0.2: no key"},
                 after(500us)};
  CHECK(lab.ping("gate.mesh") == 0);
  CHECK(lab.opened == "100.64.0.2 mesh0");
  CHECK(lab.captured.out_text() ==
        "ping gate, gw (100.64.0.2) through mesh0\n"
        "1: 1.50 ms, direct with 192.0.2.1:51820, received by xdp\n"
        "2: no answer within a second\n"
        "3: cannot send to 100.64.0.2: no key\n"
        "4: 0.50 ms, direct with 192.0.2.1:51820, received by xdp\n"
        "4 sent, 2 answered; least 0.50 ms, mean 1.00 ms, most 1.50 ms\n");
  // A second from request to request, of which the silent one has waited its own.
  CHECK(lab.paused == 1s - 1'500us + 1s);
}

TEST_CASE("ping client: an address is pinged as it is given") {
  Lab lab;
  lab.answers = {after(1ms)};
  CHECK(lab.ping("fd00::2") == 0);
  CHECK(lab.opened == "fd00::2 mesh0");
}

TEST_CASE("ping client: one that never answers is a failure with what is known of the reason") {
  Lab lab;
  lab.answers = {kSilence, kSilence};
  CHECK(lab.ping("web-1") == 1);
  CHECK(lab.says("2 sent, 0 answered\n"));
  CHECK(lab.complains("web-1 does not answer: it is suspect, answers other members and not this"));
  CHECK(lab.complains("has no endpoint that works, and there has been no handshake"));
  CHECK(lab.ping("gate") == 1);
  CHECK(
      lab.complains("gate, gw does not answer: it is alive, answers gossip, the last handshake "
                    "was 7 s ago (its firewall may drop ICMP)"));
}

TEST_CASE("ping client: who cannot be pinged") {
  Lab lab;
  lab.answers = {after(1ms)};
  CHECK(lab.ping("alpha") == 1);
  CHECK(lab.complains("alpha is this node itself"));
  CHECK(lab.ping("gaet") == 1);
  CHECK(lab.complains("did you mean gate?"));
  CHECK(lab.ping("xm1nameless") == 1);
  CHECK(lab.complains("has no address in the mesh yet"));
  CHECK(lab.opened.empty());
  lab.answers.clear();
  CHECK(lab.ping("gate") == 1);
  CHECK(lab.complains("cannot open a socket for ICMP"));
}

TEST_CASE("ping client: a name of two meshes' is to be said more exactly") {
  Lab lab;
  const test::LineServer other(lab.directory / (control_socket_name("mesh1") + ".sock"),
                               test::mesh_status("mesh1"));
  lab.answers = {after(1ms)};
  CHECK(lab.ping("gate") == 1);
  CHECK(
      lab.complains("gate may be several members: expected --interface with one of mesh0, mesh1"));
}

}  // namespace xm
