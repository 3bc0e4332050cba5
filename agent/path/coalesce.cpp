#include "agent/path/coalesce.hpp"

#include <cstring>

#include "agent/wire/checksum.hpp"
#include "agent/wire/ip.hpp"

namespace xm {
namespace {

constexpr std::uint32_t kMaxLength = 65535;
constexpr std::uint16_t kMaxDatagrams = 64;  // UDP_GRO_CNT_MAX, net/ipv4/udp_offload.c
constexpr std::uint64_t kHashFactor = 0x9e3779b97f4a7c15;  // 2^64 / golden ratio
constexpr std::uint8_t kEndFlags = tcp::kFin | tcp::kPsh;
constexpr unsigned kFlagsThatMayDiffer = kEndFlags | tcp::kCwr;
constexpr std::uint8_t kNeverJoined = tcp::kSyn | tcp::kRst | tcp::kUrg;

bool same_bytes(const std::uint8_t* a, const std::uint8_t* b, std::size_t length) {
  return std::memcmp(a, b, length) == 0;
}

// Native byte order: only compared and mixed.
std::uint64_t raw64(const std::uint8_t* at) {
  std::uint64_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}
std::uint32_t raw32(const std::uint8_t* at) {
  std::uint32_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

std::uint32_t mix(std::uint64_t addresses, std::uint32_t ports) {
  return static_cast<std::uint32_t>(((addresses ^ ports) * kHashFactor) >> 32);
}

// Conditions on two headers of one flow.

// [6]
bool same_ip_header(bool is_v4, const std::uint8_t* first, const std::uint8_t* next) {
  if (is_v4) {
    return first[ipv4::kTos] == next[ipv4::kTos] && first[ipv4::kTtl] == next[ipv4::kTtl] &&
           load_be16(first + ipv4::kFragment) == load_be16(next + ipv4::kFragment);
  }
  // Version, traffic class and flow label are the first four bytes.
  return raw32(first) == raw32(next) && first[ipv6::kHopLimit] == next[ipv6::kHopLimit];
}

// [7]
std::uint16_t id_distance(const std::uint8_t* first, const std::uint8_t* next) {
  return static_cast<std::uint16_t>(load_be16(next + ipv4::kId) - load_be16(first + ipv4::kId));
}
bool id_may_start(const std::uint8_t* first, const std::uint8_t* second) {
  const std::uint16_t distance = id_distance(first, second);
  const bool atomic = (load_be16(first + ipv4::kFragment) & ipv4::kDontFragment) != 0;
  return distance == 1 || (distance == 0 && atomic);
}

// [8], without the sequence number.
bool same_tcp_header(const std::uint8_t* first, const std::uint8_t* next, std::size_t length) {
  const unsigned flags = next[tcp::kFlags];
  if ((flags & tcp::kCwr) != 0 || ((flags ^ first[tcp::kFlags]) & ~kFlagsThatMayDiffer) != 0)
    return false;
  return raw32(first + tcp::kAcknowledgement) == raw32(next + tcp::kAcknowledgement) &&
         first[tcp::kDataOffset] == next[tcp::kDataOffset] &&
         same_bytes(first + tcp::kWindow, next + tcp::kWindow, 2) &&
         same_bytes(first + tcp::kUrgentPointer, next + tcp::kUrgentPointer, 2) &&
         same_bytes(first + tcp::kHeaderSize, next + tcp::kHeaderSize, length - tcp::kHeaderSize);
}

PartialSum pseudo_header(bool is_v4, bool is_tcp, const std::uint8_t* ip, std::uint32_t length) {
  const std::uint8_t protocol = is_tcp ? kProtocolTcp : kProtocolUdp;
  return is_v4 ? pseudo_header_v4(ip, protocol, static_cast<std::uint16_t>(length))
               : pseudo_header_v6(ip, protocol, static_cast<std::uint16_t>(length));
}

}  // namespace

// ------------------------------------------------------------------------------------------------
// Adding

bool Coalescer::add(MutableBytes packet) {
  if (packet_count_ == kCapacity) return false;
  const Headers headers = parse(packet);
  if (headers.kind < Headers::Kind::flow) {
    if (headers.kind == Headers::Kind::unknown) close_all();
    if (headers.kind == Headers::Kind::pair) close_pair(headers);
    start_super_packet(headers);
    return true;
  }
  const bool is_joinable = headers.kind == Headers::Kind::joinable;
  std::size_t slot = find_open(headers);
  if (slot != kOpenFlows) {
    SuperPacket& super = supers_[open_super_[slot]];
    if (is_joinable && may_join(super, headers)) {
      if (join(super, headers)) open_super_[slot] = kNone;
      return true;
    }
    open_super_[slot] = kNone;
  }
  if (!is_joinable) {
    start_super_packet(headers);
    return true;
  }
  if (slot == kOpenFlows) slot = take_slot();
  open(slot, headers);
  return true;
}

void Coalescer::start_super_packet(const Headers& headers) {
  SuperPacket& super = supers_[super_count_++];
  super = SuperPacket{};
  super.first = headers;
  super.length = headers.length;
  super.packet_count = 1;
  super.first_piece = add_piece(headers.at, headers.length);
  super.last_piece = super.first_piece;
}

// The flow's next packets join this one, unless its flags say that none will.
void Coalescer::open(std::size_t slot, const Headers& headers) {
  start_super_packet(headers);
  SuperPacket& super = supers_[super_count_ - 1];
  if (headers.is_tcp) {
    const std::uint8_t* header = headers.transport();
    super.next_sequence = load_be32(header + tcp::kSequence) + headers.payload_length();
    if ((header[tcp::kFlags] & kEndFlags) != 0) return;  // [10]
  }
  open_super_[slot] = static_cast<std::uint16_t>(super_count_ - 1);
  open_hash_[slot] = headers.flow_hash;
  last_open_ = slot;
}

bool Coalescer::join(SuperPacket& super, const Headers& next) {
  if (next.is_v4 && super.packet_count == 1) super.id_step = id_distance(super.first.at, next.at);
  const std::uint32_t payload = next.payload_length();
  const std::uint16_t piece = add_piece(next.at + next.header_length(), payload);
  next_piece_[super.last_piece] = piece;
  super.last_piece = piece;
  super.length += payload;
  ++super.packet_count;
  if (next.is_tcp) {
    super.next_sequence += payload;
    super.end_flags = next.transport()[tcp::kFlags] & kEndFlags;
  }
  return payload < super.first.payload_length() || super.end_flags != 0;  // [9] [10]
}

std::uint16_t Coalescer::add_piece(std::uint8_t* data, std::uint32_t length) {
  const auto piece = static_cast<std::uint16_t>(packet_count_++);
  pieces_[piece] = {data, length};
  next_piece_[piece] = kNone;
  return piece;
}

// ------------------------------------------------------------------------------------------------
// Open flows

// The slot of the packet's flow, or kOpenFlows.
std::size_t Coalescer::find_open(const Headers& headers) {
  const auto is_flow = [&](std::size_t slot) {
    if (open_hash_[slot] != headers.flow_hash || open_super_[slot] == kNone) return false;
    const Headers& first = supers_[open_super_[slot]].first;
    if (first.is_v4 != headers.is_v4 || first.is_tcp != headers.is_tcp) return false;
    const bool same_addresses =
        headers.is_v4 ? raw64(first.at + ipv4::kSource) == raw64(headers.at + ipv4::kSource)
                      : same_bytes(first.at + ipv6::kSource, headers.at + ipv6::kSource, 32);
    return same_addresses && raw32(first.transport()) == raw32(headers.transport());
  };
  if (is_flow(last_open_)) return last_open_;
  for (std::size_t slot = 0; slot < kOpenFlows; ++slot) {
    if (is_flow(slot)) return last_open_ = slot;
  }
  return kOpenFlows;
}

void Coalescer::close_pair(const Headers& headers) {
  for (std::uint16_t& open : open_super_) {
    if (open == kNone) continue;
    const Headers& first = supers_[open].first;
    if (first.is_v4 != headers.is_v4) continue;
    const std::size_t addresses = headers.is_v4 ? ipv4::kSource : ipv6::kSource;
    const std::size_t length = headers.is_v4 ? 8 : 32;
    if (same_bytes(first.at + addresses, headers.at + addresses, length)) open = kNone;
  }
}

void Coalescer::close_all() {
  open_super_.fill(kNone);
}

std::size_t Coalescer::take_slot() {
  for (std::size_t slot = 0; slot < kOpenFlows; ++slot) {
    if (open_super_[slot] == kNone) return slot;
  }
  const std::size_t slot = next_evicted_;
  next_evicted_ = (slot + 1) % kOpenFlows;
  return slot;
}

// ------------------------------------------------------------------------------------------------
// One packet: conditions [1] to [5]

Coalescer::Headers Coalescer::parse(MutableBytes packet) const {
  Headers headers;
  headers.at = packet.data();
  headers.length = static_cast<std::uint32_t>(packet.size());
  if (inner_length(packet) != packet.size()) return headers;  // [1]
  headers.kind = Headers::Kind::pair;
  headers.is_v4 = ip_version(packet) == 4;
  if (headers.is_v4) {
    const std::uint8_t* ip = headers.at;
    if (ip[0] != 0x45) return headers;  // [1]
    const unsigned fragment = load_be16(ip + ipv4::kFragment);
    if ((fragment & ~unsigned{ipv4::kDontFragment}) != 0) return headers;  // [1]
  }
  headers.ip_length = headers.is_v4 ? ipv4::kHeaderSize : ipv6::kHeaderSize;
  parse_transport(headers);
  return headers;
}

void Coalescer::parse_transport(Headers& headers) const {
  const std::uint8_t* ip = headers.at;
  const std::uint8_t protocol = ip[headers.is_v4 ? ipv4::kProtocol : ipv6::kNextHeader];
  const std::uint32_t room = headers.length - headers.ip_length;
  headers.is_tcp = protocol == kProtocolTcp;
  if (!headers.is_tcp && protocol != kProtocolUdp) return;                    // [1]
  if (room < (headers.is_tcp ? tcp::kHeaderSize : udp::kHeaderSize)) return;  // [2]

  const std::uint8_t* header = headers.transport();
  std::uint64_t addresses = raw64(ip + (headers.is_v4 ? ipv4::kSource : ipv6::kSource));
  if (!headers.is_v4) addresses ^= raw64(ip + 16) ^ raw64(ip + 24) ^ raw64(ip + 32);
  headers.flow_hash = mix(addresses, raw32(header));
  headers.kind = Headers::Kind::flow;

  if (headers.is_tcp) {
    const std::uint32_t length = 4U * (header[tcp::kDataOffset] >> 4);
    if (length < tcp::kHeaderSize || length >= room) return;  // [2] [3]
    if ((header[tcp::kFlags] & kNeverJoined) != 0) return;    // [4]
    headers.transport_length = static_cast<std::uint8_t>(length);
  } else {
    if (load_be16(header + udp::kLength) != room || room == udp::kHeaderSize) return;  // [2] [3]
    if (load_be16(header + udp::kChecksum) == 0) return;                               // [4]
    headers.transport_length = udp::kHeaderSize;
  }
  if (!kind_is_taken(headers)) return;                                                      // [5]
  if (headers.is_v4 && !checksum_is_valid(checksum_header(ip, ipv4::kHeaderSize))) return;  // [1]
  headers.kind = Headers::Kind::joinable;
}

bool Coalescer::kind_is_taken(const Headers& headers) const {
  if (headers.is_tcp) return headers.is_v4 ? kinds_.tcp4 : kinds_.tcp6;
  return headers.is_v4 ? kinds_.udp4 : kinds_.udp6;
}

// ------------------------------------------------------------------------------------------------
// A packet and the open super-packet of its flow: conditions [6] to [12]

bool Coalescer::checksum_is_right(const Headers& headers) {
  const std::uint32_t length = headers.length - headers.ip_length;
  return checksum_is_valid(pseudo_header(headers.is_v4, headers.is_tcp, headers.at, length) +
                           checksum_sum({headers.transport(), length}));
}

bool Coalescer::may_join(SuperPacket& super, const Headers& next) {
  const Headers& first = super.first;
  if (!same_ip_header(next.is_v4, first.at, next.at)) return false;  // [6]
  if (next.is_v4) {                                                  // [7]
    const bool follows = super.packet_count == 1
                             ? id_may_start(first.at, next.at)
                             : id_distance(first.at, next.at) ==
                                   static_cast<std::uint16_t>(super.id_step * super.packet_count);
    if (!follows) return false;
  }
  if (next.is_tcp) {  // [8]
    if (load_be32(next.transport() + tcp::kSequence) != super.next_sequence) return false;
    if (!same_tcp_header(first.transport(), next.transport(), next.transport_length)) return false;
  }
  if (next.payload_length() > first.payload_length()) return false;       // [9]
  if (super.length + next.payload_length() > kMaxLength) return false;    // [11]
  if (!next.is_tcp && super.packet_count == kMaxDatagrams) return false;  // [11]
  if (super.first_checksum == ChecksumState::unchecked) {                 // [12]
    super.first_checksum = checksum_is_right(first) ? ChecksumState::valid : ChecksumState::invalid;
  }
  return super.first_checksum == ChecksumState::valid && checksum_is_right(next);
}

// ------------------------------------------------------------------------------------------------
// Finishing

void Coalescer::finish() {
  std::uint16_t written = 0;
  for (std::size_t i = 0; i < super_count_; ++i) {
    SuperPacket& super = supers_[i];
    vnet_[i] = VnetHeader{};
    if (super.packet_count > 1) complete_headers(super, vnet_[i]);
    super.output = written;
    output_[written++] = {&vnet_[i], sizeof vnet_[i]};
    for (std::uint16_t piece = super.first_piece; piece != kNone; piece = next_piece_[piece]) {
      output_[written++] = pieces_[piece];
    }
  }
}

void Coalescer::complete_headers(const SuperPacket& super, VnetHeader& vnet) {
  const Headers& first = super.first;
  std::uint8_t* ip = first.at;
  std::uint8_t* transport = ip + first.ip_length;
  if (first.is_v4) {
    store_be16(ip + ipv4::kTotalLength, static_cast<std::uint16_t>(super.length));
    std::memset(ip + ipv4::kChecksum, 0, 2);
    checksum_store(ip + ipv4::kChecksum, checksum_header(ip, ipv4::kHeaderSize));
  } else {
    store_be16(ip + ipv6::kPayloadLength,
               static_cast<std::uint16_t>(super.length - ipv6::kHeaderSize));
  }

  const std::uint32_t transport_length = super.length - first.ip_length;
  vnet.flags = kVnetNeedsChecksum;
  vnet.header_length = static_cast<std::uint16_t>(first.header_length());
  vnet.segment_payload = static_cast<std::uint16_t>(first.payload_length());
  vnet.checksum_start = first.ip_length;
  if (first.is_tcp) {
    const bool has_cwr = (transport[tcp::kFlags] & tcp::kCwr) != 0;
    transport[tcp::kFlags] |= super.end_flags;
    vnet.checksum_offset = tcp::kChecksum;
    vnet.gso_type = first.is_v4 ? kVnetGsoTcp4 : kVnetGsoTcp6;
    if (has_cwr) vnet.gso_type |= kVnetGsoEcn;
  } else {
    store_be16(transport + udp::kLength, static_cast<std::uint16_t>(transport_length));
    vnet.checksum_offset = udp::kChecksum;
    vnet.gso_type = kVnetGsoUdp;
  }
  checksum_store_partial(transport + vnet.checksum_offset,
                         pseudo_header(first.is_v4, first.is_tcp, ip, transport_length));
}

void Coalescer::clear() {
  packet_count_ = 0;
  super_count_ = 0;
  close_all();
}

}  // namespace xm
