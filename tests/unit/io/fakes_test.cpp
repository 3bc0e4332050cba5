// The fakes that other tests stand on.
#include <doctest/doctest.h>

#include <set>
#include <vector>

#include "tests/support/fake_kernel_network.hpp"
#include "tests/support/fake_tun.hpp"
#include "tests/support/fake_udp.hpp"
#include "tests/support/manual_clock.hpp"

using namespace xm;
using namespace xm::test;

namespace {

struct Network {
  explicit Network(NetworkFaults faults = {}) : network(clock, 42, faults) {}

  // 100 datagrams of 10 bytes, numbered in their first byte, of which the last one is short.
  void send_hundred() {
    std::vector<std::uint8_t> data(995);
    for (std::size_t i = 0; i < 100; ++i) data[i * 10] = static_cast<std::uint8_t>(i);
    SendPath path;
    path.remote = b.local();
    SendRun run;
    run.path = &path;
    run.data = data.data();
    run.length = 995;
    run.segment_size = 10;
    run.tos = 1;
    a.send(std::span(&run, 1), clock.now());
    CHECK(run.lost == 0);
  }
  std::vector<int> receive_all() {
    std::vector<int> numbers;
    FakeReceiveBuffers buffers;
    ReceiveBatch batch;
    bool drained = false;
    while (!drained) {
      drained = b.receive(buffers, batch);
      for (std::size_t i = 0; i < batch.frame_count; ++i) {
        numbers.push_back(batch.frames[i].data[0]);
        CHECK(batch.sources[batch.frames[i].source].remote == a.local());
        CHECK(batch.sources[batch.frames[i].source].ecn == 1);
      }
    }
    return numbers;
  }

  ManualClock clock;
  FakeNetwork network;
  FakeUdpSocket a{network, *Endpoint::parse("192.0.2.1:1")};
  FakeUdpSocket b{network, *Endpoint::parse("[2001:db8::2]:2")};
};

}  // namespace

TEST_CASE("a faultless fake network delivers everything once and in order") {
  Network net;
  net.send_hundred();
  const auto numbers = net.receive_all();
  REQUIRE(numbers.size() == 100);
  for (int i = 0; i < 100; ++i) CHECK(numbers[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("a fake network loses, doubles, delays and reorders, the same for the same seed") {
  const NetworkFaults faults{0.2, 0.2, 0.2, 5ms, 1ms};
  Network net(faults);
  Network again(faults);
  std::vector<std::vector<int>> results;
  for (Network* each : {&net, &again}) {
    each->send_hundred();
    CHECK(each->receive_all().empty());
    CHECK(each->network.next_arrival() == each->clock.now() + 5ms);
    each->clock.advance(10ms);
    results.push_back(each->receive_all());
    CHECK(each->network.next_arrival() == kFarFuture);
  }
  CHECK(results[0] == results[1]);
  const std::set<int> distinct(results[0].begin(), results[0].end());
  CHECK(distinct.size() < 100);
  CHECK(distinct.size() < results[0].size());
  CHECK_FALSE(std::is_sorted(results[0].begin(), results[0].end()));
}

TEST_CASE("what is sent to where nobody is does not come back") {
  Network net;
  net.send_hundred();
  net.b.move_to(*Endpoint::parse("192.0.2.7:7"));
  CHECK(net.network.next_arrival() == kFarFuture);
  CHECK(net.receive_all().empty());
  net.network.inject({net.a.local(), net.b.local(), {9}, 1});
  CHECK(net.receive_all() == std::vector<int>{9});
}

TEST_CASE(
    "a fake TUN gives what was pushed, keeps what was written, and can be full, down or gone") {
  FakeTun tun;
  CHECK(tun.read().state == TunIo::would_block);
  tun.push_packet({0x45, 1});
  const TunRead got = tun.read();
  CHECK(got.state == TunIo::done);
  CHECK(got.packet.size() == 12);
  CHECK(got.packet[10] == 0x45);

  std::uint8_t bytes[] = {1, 2, 3};
  const iovec pieces[] = {{bytes, 1}, {bytes + 1, 2}};
  tun.set_write_limit(1);
  CHECK(tun.write(pieces) == TunIo::done);
  CHECK(tun.write(pieces) == TunIo::would_block);
  CHECK(tun.take_written() == std::vector<FakeTun::Packet>{{1, 2, 3}});
  tun.set_write_state(TunIo::down);
  CHECK(tun.write(pieces) == TunIo::down);
  tun.set_read_state(TunIo::gone);
  CHECK(tun.read().state == TunIo::gone);
}

TEST_CASE("fake kernel network holds what is wanted, refuses what is taken, and counts changes") {
  FakeKernelNetwork fake;
  KernelNetwork& network = fake;
  const Prefix free = *Prefix::parse("10.1.0.0/16");
  const Prefix taken = *Prefix::parse("10.2.0.0/16");
  fake.taken = {taken};
  CHECK_FALSE(network.set_routes({free}).ok());
  REQUIRE(network.bring_up().ok());
  CHECK(network.set_mtu(1380).ok());
  CHECK(network.set_addresses({*IpAddress::parse("fd00::1")}).ok());
  CHECK_FALSE(network.set_routes({free, taken}).ok());
  CHECK(fake.routes == std::set<Prefix>{free});
  CHECK(fake.changes == 2);
  CHECK(network.set_routes({free}).ok());
  CHECK(fake.changes == 2);
  CHECK(network.remove_all().ok());
  CHECK(fake.routes.empty());
  CHECK(fake.addresses.empty());
  CHECK(fake.mtu == 1380);
}
