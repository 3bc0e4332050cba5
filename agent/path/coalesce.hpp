// Coalesce: decrypted packets into super-packets, one write to the TUN device each. Pure.
//
// What the kernel's GRO would join and nothing else, so that the packets come out of the kernel's
// segmentation, and of ours (split.hpp), as they came in. Sources: net/ipv4/tcp_offload.c
// tcp_gro_receive(), net/ipv4/udp_offload.c udp_gro_receive_segment(), net/ipv4/af_inet.c
// inet_gro_receive(), net/ipv6/ip6_offload.c ipv6_gro_receive().
//
// A packet may be joined at all when
//  [1] it is IPv4 without options, fragmentation or a wrong header checksum, or IPv6 without
//      extension headers, and as long as its IP header says;
//  [2] it holds a whole TCP header, or a UDP header that tells the packet's length;
//  [3] it has payload;
//  [4] TCP: SYN, RST and URG are clear; UDP: it has a checksum;
//  [5] the device takes super-packets of its kind.
// It joins the open super-packet of its flow (addresses, protocol, ports) when also
//  [6] hop limit, TOS or traffic class (ECN included), flow label and DF are the same;
//  [7] its IPv4 id is one more than the last; or, with DF, all ids are the same;
//  [8] TCP: its sequence number is the next; acknowledgement, window, urgent pointer, options and
//      flags are those of the first, FIN and PSH aside, and CWR is clear;
//  [9] it is no longer than the first; no shorter one came before it;
// [10] no FIN or PSH came before it;
// [11] the whole stays within 65,535 bytes and, for UDP, 64 datagrams;
// [12] its checksum is right, and so is the first's.
// [9] and [10] close a super-packet as soon as its last packet is known.
//
// Order. The packets of a flow come out in the order in which they came in: one that does not join
// closes the flow's super-packet and starts, or is, the next. One whose flow cannot be told (ICMP,
// fragments, extension headers, ...) closes those of all flows between its two addresses, in its
// direction. Packets of other flows may be passed: a super-packet leaves in the place of its first
// packet.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "agent/wire/vnet.hpp"
#include "xdpmesh/bytes.hpp"

namespace xm {

// The kinds of super-packets that the device takes.
struct CoalesceKinds {
  bool tcp4 = false;
  bool tcp6 = false;
  bool udp4 = false;
  bool udp6 = false;
};

// add() ... finish(), then size() and super_packet(), then clear(). One thread. Nothing allocates.
// The bytes of all packets are lent, writable, and stay valid and untouched by others from add()
// until the super-packets have been written; clear() ends that.
class Coalescer {
 public:
  static constexpr std::size_t kCapacity = 512;

  explicit Coalescer(CoalesceKinds kinds) : kinds_(kinds) {}

  // `packet`: one inner packet in order of arrival, without padding. False, and nothing done, when
  // kCapacity packets are in already. Any bytes are safe; what is no IP packet goes out alone.
  [[nodiscard]] bool add(MutableBytes packet);

  // Completes the headers of the super-packets, in the first packet of each. After it only the
  // following are called, until clear().
  void finish();

  [[nodiscard]] std::size_t size() const { return super_count_; }

  // The pieces for one write: the virtio header, the first packet, then one piece of payload for
  // every packet that joined it. A packet alone goes out unchanged behind a zeroed virtio header.
  [[nodiscard]] std::span<const iovec> super_packet(std::size_t index) const {
    const SuperPacket& super = supers_[index];
    return {&output_[super.output], std::size_t{super.packet_count} + 1};
  }

  void clear();

 private:
  static constexpr std::size_t kOpenFlows = 16;
  static constexpr std::uint16_t kNone = 0xffff;

  // What add() needs to know of a packet; `at` points into it.
  struct Headers {
    enum class Kind : std::uint8_t {
      unknown,  // not IP, or cut short: may belong to any flow
      pair,     // belongs to some flow between its addresses
      flow,     // belongs to a known flow but is never joined
      joinable,
    };
    std::uint8_t* at = nullptr;
    Kind kind = Kind::unknown;
    bool is_v4 = false;
    bool is_tcp = false;
    std::uint8_t ip_length = 0;         // of the IP header
    std::uint8_t transport_length = 0;  // of the TCP or UDP header
    std::uint32_t flow_hash = 0;
    std::uint32_t length = 0;  // of the packet

    [[nodiscard]] const std::uint8_t* transport() const { return at + ip_length; }
    [[nodiscard]] std::uint32_t header_length() const {
      return std::uint32_t{ip_length} + transport_length;
    }
    [[nodiscard]] std::uint32_t payload_length() const { return length - header_length(); }
  };

  enum class ChecksumState : std::uint8_t { unchecked, valid, invalid };

  struct SuperPacket {
    Headers first;
    std::uint32_t length = 0;         // IP header of the first and everything behind it
    std::uint32_t next_sequence = 0;  // TCP
    std::uint16_t packet_count = 0;
    std::uint16_t first_piece = 0;  // index into pieces_
    std::uint16_t last_piece = 0;
    std::uint16_t output = 0;  // index into output_, set by finish()
    std::uint16_t id_step = 0;
    std::uint8_t end_flags = 0;  // FIN and PSH of the last packet
    ChecksumState first_checksum = ChecksumState::unchecked;
  };

  [[nodiscard]] Headers parse(MutableBytes packet) const;
  void parse_transport(Headers& headers) const;
  [[nodiscard]] bool kind_is_taken(const Headers& headers) const;

  [[nodiscard]] std::size_t find_open(const Headers& headers);
  void close_pair(const Headers& headers);
  void close_all();
  // A slot that is free, or else that of the flows in turn, whose super-packet is closed by it.
  [[nodiscard]] std::size_t take_slot();

  void start_super_packet(const Headers& headers);
  void open(std::size_t slot, const Headers& headers);
  [[nodiscard]] static bool checksum_is_right(const Headers& headers);
  [[nodiscard]] static bool may_join(SuperPacket& super, const Headers& next);
  // Returns whether the super-packet is complete with this packet.
  bool join(SuperPacket& super, const Headers& next);
  std::uint16_t add_piece(std::uint8_t* data, std::uint32_t length);

  static void complete_headers(const SuperPacket& super, VnetHeader& vnet);

  const CoalesceKinds kinds_;

  std::size_t packet_count_ = 0;  // in pieces_ and next_piece_
  std::size_t super_count_ = 0;   // in supers_ and vnet_

  // Flows whose super-packet may still grow: index into supers_, or kNone, and the flow's hash.
  std::array<std::uint16_t, kOpenFlows> open_super_ = closed();
  std::array<std::uint32_t, kOpenFlows> open_hash_{};
  std::size_t last_open_ = 0;  // the slot that was used last
  std::size_t next_evicted_ = 0;

  // One piece a packet, chained per super-packet.
  std::array<iovec, kCapacity> pieces_;
  std::array<std::uint16_t, kCapacity> next_piece_;
  std::array<SuperPacket, kCapacity> supers_;
  std::array<VnetHeader, kCapacity> vnet_;
  std::array<iovec, 2 * kCapacity> output_;

  static constexpr std::array<std::uint16_t, kOpenFlows> closed() {
    std::array<std::uint16_t, kOpenFlows> slots{};
    slots.fill(kNone);
    return slots;
  }
};

}  // namespace xm
