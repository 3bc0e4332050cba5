// The XDP side of a node on a veth pair of the test's own, in a mount namespace of its own: what it
// pins and locks is nobody else's.
#include "agent/node_steering.hpp"

#include <doctest/doctest.h>
#include <sys/mount.h>

#include <cerrno>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>

#include "agent/io/io_choice.hpp"
#include "agent/io/udp_socket.hpp"
#include "loader/attached_programs.hpp"
#include "tests/support/fake_tun.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/seeded_random.hpp"
#include "tests/unit/loader/lab.hpp"

namespace xm::test {
namespace {

// An engine without peers, and one worker that does not run yet.
struct Node {
  Node() {
    const auto choice = choose_io({IoRequest::Kind::syscall, false});
    REQUIRE(choice.ok());
    auto io = make_path_io(choice.value(), tun, true);
    REQUIRE(io.ok());
    auto made = Worker::create(context,
                               {.id = 0,
                                .aead = std::move(make_aead_engine(AeadKind::libsodium).value()),
                                .buffers = std::make_unique<UdpReceiveBuffers>(),
                                .io = std::move(*io),
                                .reads_tun = false},
                               [] {});
    REQUIRE(made.ok());
    worker = std::move(*made);
    steering = std::make_unique<Steering>(
        engine, std::vector<Worker*>{worker.get()}, Steering::AtTheEnd::detach,
        [] { return "wg0"; }, [] { return PeerNames{}; });
  }
  ~Node() {
    worker->stop();
    steering.reset();
  }

  [[nodiscard]] AttachReply attach() {
    AttachRequest request;
    request.interface = "xmv0";
    request.rx = ReceiveChoice::xdp;
    auto reply = steering->attach(request, clock.now());
    REQUIRE_MESSAGE(reply.ok(), reply.error().what);
    return std::move(reply).value();
  }
  [[nodiscard]] AttachmentStatus status() {
    const auto all = steering->attachments(clock.now());
    REQUIRE(all.size() == 1);
    return all.front();
  }
  void tend() {
    clock.advance(1s);
    steering->tend(clock.now(), 0);
  }

  ManualClock clock;
  SeededRandom random{1};
  PathCounters counters;
  Grace grace{2};
  Engine engine{grace, random, counters.drops};
  std::atomic<std::uint32_t> mtu{1420};
  PathContext context{.allowed_ips = engine.allowed_ips(),
                      .sessions = engine.sessions(),
                      .grace = grace,
                      .clock = clock,
                      .mtu = mtu,
                      .tun = {}};
  FakeTun tun;
  std::unique_ptr<Worker> worker;
  std::unique_ptr<Steering> steering;
};

void in_steering_lab(const std::function<void()>& body) {
  in_lab([&](LoaderLab&) {
    for (const char* const hidden : {"/run", "/sys/fs/bpf"}) {
      REQUIRE(mount("none", hidden, "tmpfs", 0, nullptr) == 0);
    }
    body();
  });
}

std::size_t programs_there() {
  const auto found = attached_programs(if_nametoindex("xmv0"));
  REQUIRE(found.ok());
  return found.value().size();
}

TEST_CASE("steering: a detach that a worker keeps waiting ends when the worker lets go") {
  XM_NEEDS_LAB();
  in_steering_lab([] {
    Node node;
    const AttachReply attached = node.attach();
    REQUIRE(attached.attached);
    CHECK(node.status().state == InterfaceState::up);
    CHECK(node.status().rx == ReceiveChoice::xdp);

    // Nobody obeys: the worker does not run.
    const auto refused = node.steering->detach("xmv0");
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().os_errno == EAGAIN);
    for (int look = 0; look < 3; ++look) {
      const AttachmentStatus status = node.status();
      CHECK(status.state == InterfaceState::socket);
      CHECK(status.state_reason.find("being detached") != std::string::npos);
      CHECK(status.rx == ReceiveChoice::socket);
      CHECK(programs_there() == 1);
      node.tend();
    }
    AttachRequest again;
    again.interface = "xmv0";
    const auto too_early = node.steering->attach(again, node.clock.now());
    REQUIRE_FALSE(too_early.ok());
    CHECK(too_early.error().what.find("being detached") != std::string::npos);

    node.worker->start();
    for (int look = 0; look < 1000 && node.steering->holds_some(); ++look) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      node.tend();
    }
    CHECK_FALSE(node.steering->holds_some());
    CHECK(node.steering->due() == kFarFuture);
    CHECK(programs_there() == 0);

    CHECK(node.attach().attached);
    CHECK(node.steering->detach("xmv0").ok());
  });
}

TEST_CASE("steering: an interface that is deleted while it is being detached does not come back") {
  XM_NEEDS_LAB();
  in_steering_lab([] {
    Node node;
    REQUIRE(node.attach().attached);
    REQUIRE_FALSE(node.steering->detach("xmv0").ok());
    REQUIRE(delete_interface("xmv0"));
    REQUIRE(make_veth("xmv0", "xmv1"));
    REQUIRE(set_up("xmv0", true));
    node.tend();
    node.worker->start();
    for (int look = 0; look < 1000 && node.steering->holds_some(); ++look) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      node.tend();
    }
    CHECK_FALSE(node.steering->holds_some());
    CHECK(programs_there() == 0);
  });
}

}  // namespace
}  // namespace xm::test
