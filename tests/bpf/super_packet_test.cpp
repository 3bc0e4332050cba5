// Generic mode, live: a UDP super-packet crosses a veth whole and reaches the program as one.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "tests/bpf/rows.hpp"
#include "xdpmesh/fd.hpp"

namespace xm::test {
namespace {

using namespace std::chrono_literals;

// near -> far, in the calling thread's namespace: what is sent to 192.0.2.1 leaves by `near` and
// arrives at `far`, whose MAC is SteerWorld's. The address itself is nobody's.
bool make_veth() {
  return std::system(
             "ip link add near type veth peer name far &&"
             "ip link set far address 02:00:5e:10:20:30 up &&"
             "ip link set near up && ip address add 192.0.2.9/24 dev near &&"
             "ip neighbour add 192.0.2.1 lladdr 02:00:5e:10:20:30 dev near") == 0;
}

// One sendmsg of `payload`, split by the kernel (UDP_SEGMENT) where the wire asks for it.
bool send_segments(const Packet& payload, int segment) {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (setsockopt(socket.get(), IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment) != 0) {
    return false;
  }
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(51820);
  inet_pton(AF_INET, "192.0.2.1", &to.sin_addr);
  return sendto(socket.get(), payload.data(), payload.size(), 0, reinterpret_cast<sockaddr*>(&to),
                sizeof to) == static_cast<ssize_t>(payload.size());
}

// Whether the verdict is counted once more, as it is when the softirq has run.
bool is_counted(SteerLab& lab, std::uint32_t verdict, std::uint64_t before) {
  for (int i = 0; i < 500; ++i) {
    if (lab.count(verdict).packets == before + 1) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

Packet two_keepalives(std::uint32_t first_index) {
  Packet both = data_message(first_index, 7, 32);
  put(both, data_message(kNew, 8, 32));
  return both;
}

}  // namespace

TEST_CASE("XDP program: in generic mode a super-packet is the kernel's, whatever its first part") {
  with_lab([](SteerLab& lab) {
    REQUIRE(make_veth());
    const int far = static_cast<int>(if_nametoindex("far"));
    REQUIRE(bpf_xdp_attach(far, lab.program(), XDP_FLAGS_SKB_MODE, nullptr) == 0);
    SteerWorld world = ordinary();
    world.socket = false;
    const auto sent_is = [&](const Packet& payload, std::uint32_t verdict) {
      lab.apply(world);
      const std::uint64_t before = lab.count(verdict).packets;
      REQUIRE(send_segments(payload, 32));
      return is_counted(lab, verdict, before);
    };

    world.generic = true;
    CHECK(sent_is(two_keepalives(kNew), XM_VERDICT_pass_super_packet));
    CHECK(sent_is(two_keepalives(kUnknown), XM_VERDICT_pass_super_packet));
    CHECK(sent_is(data_message(kNew, 7, 32), XM_VERDICT_pass_no_socket));
    CHECK(sent_is(data_message(kUnknown, 7, 32), XM_VERDICT_drop_unknown_index));
    // Without the flag the two pass for one of 64 bytes, and die for the first one's sake.
    world.generic = false;
    CHECK(sent_is(two_keepalives(kUnknown), XM_VERDICT_drop_unknown_index));
    REQUIRE(bpf_xdp_detach(far, XDP_FLAGS_SKB_MODE, nullptr) == 0);
  });
}

}  // namespace xm::test
