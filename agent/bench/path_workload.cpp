#include "agent/bench/path_workload.hpp"

#include <cstring>
#include <numeric>
#include <utility>

#include "agent/path/split.hpp"
#include "agent/wire/checksum.hpp"
#include "agent/wire/ip.hpp"
#include "agent/wire/vnet.hpp"

namespace xm {
namespace {

using Packet = PathWorkload::Packet;

constexpr std::uint32_t kIpHeader = ipv4::kHeaderSize;
constexpr std::uint32_t kTimestampOption = 12;  // RFC 7323, with its two bytes of padding
constexpr std::uint32_t kTcpHeader = tcp::kHeaderSize + kTimestampOption;
// What a super-packet of an MTU of 1420 divides into, 45 of which fit one send.
constexpr std::uint32_t kTcpSegment = 1420 - kIpHeader - kTcpHeader;
constexpr std::uint32_t kSuperPacketSegments = 45;

struct Flow {
  std::uint8_t protocol = kProtocolUdp;
  std::uint16_t port = 0;
  std::uint32_t sequence = 0;         // TCP
  std::uint16_t segment_payload = 0;  // of a super-packet; 0 for an ordinary one
};

void write_tcp_header(const Flow& flow, std::uint32_t payload, std::uint8_t* at) {
  store_be32(at + tcp::kSequence, flow.sequence);
  store_be32(at + tcp::kAcknowledgement, payload == 0 ? flow.sequence : 1);
  at[tcp::kDataOffset] = kTcpHeader / 4 << 4;
  at[tcp::kFlags] = tcp::kAck;
  store_be16(at + tcp::kWindow, 512);
  constexpr std::uint8_t kTimestamps[] = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 1};
  std::memcpy(at + tcp::kHeaderSize, kTimestamps, sizeof kTimestamps);
}

// As the local stack hands a packet to the TUN device: the transport checksum is left to us.
Packet tun_packet(const Flow& flow, std::uint32_t payload) {
  const bool is_tcp = flow.protocol == kProtocolTcp;
  const std::uint32_t transport = is_tcp ? kTcpHeader : std::uint32_t{udp::kHeaderSize};
  const std::uint32_t length = kIpHeader + transport + payload;
  Packet packet(kVnetHeaderSize + length);
  std::iota(packet.begin(), packet.end(), std::uint8_t{0});

  VnetHeader vnet;
  vnet.flags = kVnetNeedsChecksum;
  vnet.gso_type = flow.segment_payload == 0 ? kVnetGsoNone : kVnetGsoTcp4;
  vnet.header_length = static_cast<std::uint16_t>(kIpHeader + transport);
  vnet.segment_payload = flow.segment_payload;
  vnet.checksum_start = ipv4::kHeaderSize;
  vnet.checksum_offset = static_cast<std::uint16_t>(is_tcp ? tcp::kChecksum : udp::kChecksum);
  std::memcpy(packet.data(), &vnet, sizeof vnet);

  std::uint8_t* const ip = packet.data() + kVnetHeaderSize;
  std::memset(ip, 0, ipv4::kHeaderSize + transport);
  ip[0] = 0x45;
  store_be16(ip + ipv4::kTotalLength, static_cast<std::uint16_t>(length));
  store_be16(ip + ipv4::kFragment, ipv4::kDontFragment);
  ip[ipv4::kTtl] = 64;
  ip[ipv4::kProtocol] = flow.protocol;
  store_be32(ip + ipv4::kSource, kBenchSource);
  store_be32(ip + ipv4::kDestination, kBenchDestination);
  checksum_store(ip + ipv4::kChecksum, checksum_header(ip, ipv4::kHeaderSize));

  std::uint8_t* const at = ip + ipv4::kHeaderSize;
  store_be16(at, flow.port);
  store_be16(at + 2, 5201);
  if (is_tcp) {
    write_tcp_header(flow, payload, at);
  } else {
    store_be16(at + udp::kLength, static_cast<std::uint16_t>(transport + payload));
  }
  checksum_store_partial(
      at + vnet.checksum_offset,
      pseudo_header_v4(ip, flow.protocol, static_cast<std::uint16_t>(transport + payload)));
  return packet;
}

void append_segments(const Packet& read, std::vector<Packet>& segments) {
  VnetHeader vnet;
  std::memcpy(&vnet, read.data(), sizeof vnet);
  const Bytes inner = Bytes(read).subspan(kVnetHeaderSize);
  SplitPlan plan;
  if (!split_plan(vnet, inner, plan)) return;
  for (std::size_t i = 0; i < plan.segment_count; ++i) {
    Packet segment(plan.segment_length(i));
    (void)write_segment(plan, inner, i, segment.data());
    segments.push_back(std::move(segment));
  }
}

PathWorkload finished(PathWorkload workload) {
  for (const Packet& read : workload.reads) append_segments(read, workload.segments);
  return workload;
}

PathWorkload bulk_tcp() {
  PathWorkload bulk{
      .name = "tcp", .about = "bulk TCP, super-packets of 45", .reads = {}, .segments = {}};
  constexpr std::uint32_t kPayload = kSuperPacketSegments * kTcpSegment;
  for (std::uint32_t i = 0; i < 4; ++i) {
    bulk.reads.push_back(tun_packet({.protocol = kProtocolTcp,
                                     .port = 40000,
                                     .sequence = 1 + i * kPayload,
                                     .segment_payload = kTcpSegment},
                                    kPayload));
  }
  return finished(std::move(bulk));
}

PathWorkload acknowledgements() {
  PathWorkload acks{
      .name = "acks", .about = "acknowledgements of 16 TCP flows", .reads = {}, .segments = {}};
  for (std::uint32_t i = 0; i < 128; ++i) {
    acks.reads.push_back(tun_packet({.protocol = kProtocolTcp,
                                     .port = static_cast<std::uint16_t>(40000 + i % 16),
                                     .sequence = 1 + i,
                                     .segment_payload = 0},
                                    0));
  }
  return finished(std::move(acks));
}

PathWorkload one_udp_flow(std::uint32_t payload, std::uint32_t packets) {
  const std::string size = std::to_string(payload);
  PathWorkload flow{.name = "udp" + size,
                    .about = "UDP of " + size + " B, one flow",
                    .reads = {},
                    .segments = {}};
  flow.reads.assign(packets, tun_packet({.port = 40000}, payload));
  return finished(std::move(flow));
}

}  // namespace

std::vector<PathWorkload> path_workloads(std::optional<std::uint32_t> size) {
  std::vector<PathWorkload> workloads;
  if (size) {
    workloads.push_back(one_udp_flow(*size, 128));
    return workloads;
  }
  workloads.push_back(bulk_tcp());
  workloads.push_back(one_udp_flow(64, 256));
  workloads.push_back(acknowledgements());
  workloads.push_back(one_udp_flow(1300, 144));
  return workloads;
}

}  // namespace xm
