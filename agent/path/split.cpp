#include "agent/path/split.hpp"

#include <cstring>

#include "agent/wire/checksum.hpp"
#include "agent/wire/ip.hpp"

namespace xm {
namespace {

bool plan_whole(const VnetHeader& vnet, Bytes packet, SplitPlan& plan) {
  const auto length = inner_length(packet);
  if (!length) return false;
  plan.kind = SplitPlan::Kind::whole;
  plan.segment_count = 1;
  plan.segment_payload = *length;
  plan.payload_length = *length;
  if ((vnet.flags & kVnetNeedsChecksum) == 0) return true;
  const std::size_t ip_header =
      ip_version(packet) == 4 ? std::size_t{4} * (packet[0] & 0xfU) : ipv6::kHeaderSize;
  if (vnet.checksum_start < ip_header) return false;
  if (std::size_t{vnet.checksum_start} + vnet.checksum_offset + 2 > *length) return false;
  plan.kind = SplitPlan::Kind::whole_checksum;
  plan.checksum_start = vnet.checksum_start;
  plan.checksum_offset = vnet.checksum_offset;
  return true;
}

// The length of the TCP or UDP header at the plan's ip_header_length; 0 when it does not fit.
std::uint32_t transport_header_length(const SplitPlan& plan, Bytes packet, std::uint32_t total) {
  const std::uint32_t room = total - plan.ip_header_length;
  if (plan.kind == SplitPlan::Kind::udp) return room < udp::kHeaderSize ? 0 : udp::kHeaderSize;
  if (room < tcp::kHeaderSize) return 0;
  const std::uint32_t length = 4U * (packet[plan.ip_header_length + tcp::kDataOffset] >> 4);
  return length < tcp::kHeaderSize || length > room ? 0 : length;
}

bool plan_super_packet(const VnetHeader& vnet, Bytes packet, SplitPlan& plan) {
  const auto inner = parse_inner(packet);
  if (!inner || inner->is_fragment || vnet.segment_payload == 0) return false;
  plan.is_v4 = inner->source.is_v4();
  plan.ip_header_length = inner->transport_offset;

  const bool ecn = (vnet.gso_type & kVnetGsoEcn) != 0;
  const std::uint8_t type = vnet.gso_type & static_cast<std::uint8_t>(~kVnetGsoEcn);
  if (type == (plan.is_v4 ? kVnetGsoTcp4 : kVnetGsoTcp6)) {
    plan.kind = SplitPlan::Kind::tcp;
    if (inner->protocol != kProtocolTcp) return false;
  } else if (type == kVnetGsoUdp && !ecn) {
    plan.kind = SplitPlan::Kind::udp;
    if (inner->protocol != kProtocolUdp) return false;
  } else {
    return false;
  }
  const std::uint32_t transport = transport_header_length(plan, packet, inner->total_length);
  if (transport == 0) return false;
  if ((vnet.flags & kVnetNeedsChecksum) != 0) {
    const bool is_tcp = plan.kind == SplitPlan::Kind::tcp;
    if (vnet.checksum_start != plan.ip_header_length) return false;
    if (vnet.checksum_offset != (is_tcp ? tcp::kChecksum : udp::kChecksum)) return false;
  }

  plan.header_length = plan.ip_header_length + transport;
  plan.payload_length = inner->total_length - plan.header_length;
  plan.segment_payload = vnet.segment_payload;
  plan.segment_count =
      std::max(1U, (plan.payload_length + plan.segment_payload - 1) / plan.segment_payload);
  plan.pseudo_header = plan.is_v4 ? pseudo_header_v4(packet.data(), inner->protocol, 0)
                                  : pseudo_header_v6(packet.data(), inner->protocol, 0);
  return true;
}

void write_whole_checksum(const SplitPlan& plan, Bytes packet, std::uint8_t* out) {
  const std::size_t start = plan.checksum_start;
  std::memcpy(out, packet.data(), start);
  // The field holds the pseudo header's sum and is summed with the rest.
  const PartialSum sum =
      checksum_copy(out + start, packet.subspan(start, plan.payload_length - start));
  std::uint8_t* field = out + start + plan.checksum_offset;
  if (plan.checksum_offset == udp::kChecksum) {
    checksum_store_udp(field, sum);
  } else {
    checksum_store(field, sum);
  }
}

void write_ip_header(const SplitPlan& plan, std::size_t index, std::uint32_t length,
                     std::uint8_t* ip) {
  if (!plan.is_v4) {
    store_be16(ip + ipv6::kPayloadLength, static_cast<std::uint16_t>(length - ipv6::kHeaderSize));
    return;
  }
  store_be16(ip + ipv4::kTotalLength, static_cast<std::uint16_t>(length));
  store_be16(ip + ipv4::kId, static_cast<std::uint16_t>(load_be16(ip + ipv4::kId) + index));
  std::memset(ip + ipv4::kChecksum, 0, 2);
  checksum_store(ip + ipv4::kChecksum, checksum_header(ip, plan.ip_header_length));
}

// `sum` is that of the pseudo header and the payload.
void write_tcp_header(const SplitPlan& plan, std::size_t index, PartialSum sum,
                      std::uint8_t* header) {
  const std::uint32_t offset = static_cast<std::uint32_t>(index) * plan.segment_payload;
  store_be32(header + tcp::kSequence, load_be32(header + tcp::kSequence) + offset);
  unsigned flags = header[tcp::kFlags];
  if (index != 0) flags &= ~unsigned{tcp::kCwr};
  if (index + 1 != plan.segment_count) flags &= ~unsigned{tcp::kFin | tcp::kPsh};
  header[tcp::kFlags] = static_cast<std::uint8_t>(flags);
  std::memset(header + tcp::kChecksum, 0, 2);
  sum += checksum_header(header, plan.header_length - plan.ip_header_length);
  checksum_store(header + tcp::kChecksum, sum);
}

void write_udp_header(std::uint16_t length, PartialSum sum, std::uint8_t* header) {
  store_be16(header + udp::kLength, length);
  std::memset(header + udp::kChecksum, 0, 2);
  checksum_store_udp(header + udp::kChecksum, sum + checksum_header(header, udp::kHeaderSize));
}

}  // namespace

bool split_plan(const VnetHeader& vnet, Bytes packet, SplitPlan& plan) {
  plan = SplitPlan{};
  if (vnet.gso_type == kVnetGsoNone) return plan_whole(vnet, packet, plan);
  return plan_super_packet(vnet, packet, plan);
}

std::uint32_t write_segment(const SplitPlan& plan, Bytes packet, std::size_t index,
                            std::uint8_t* out) {
  const std::uint32_t length = plan.segment_length(index);
  if (plan.kind == SplitPlan::Kind::whole) {
    std::memcpy(out, packet.data(), length);
    return length;
  }
  if (plan.kind == SplitPlan::Kind::whole_checksum) {
    write_whole_checksum(plan, packet, out);
    return length;
  }
  const std::size_t from = plan.header_length + index * plan.segment_payload;
  const auto transport_length = static_cast<std::uint16_t>(length - plan.ip_header_length);
  std::memcpy(out, packet.data(), plan.header_length);
  const PartialSum sum =
      plan.pseudo_header + checksum_word(transport_length) +
      checksum_copy(out + plan.header_length, packet.subspan(from, length - plan.header_length));
  write_ip_header(plan, index, length, out);
  if (plan.kind == SplitPlan::Kind::tcp) {
    write_tcp_header(plan, index, sum, out + plan.ip_header_length);
  } else {
    write_udp_header(transport_length, sum, out + plan.ip_header_length);
  }
  return length;
}

}  // namespace xm
