// A sequence of any packets, each behind its length (16 bits, big-endian) after one byte of device
// kinds: nothing is lost, what is alone is untouched, and a super-packet splits into exactly the
// packets that went in, the IPv4 id of DF packets aside.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "agent/path/coalesce.hpp"
#include "agent/path/split.hpp"
#include "agent/wire/ip.hpp"

namespace {

using Packet = std::vector<std::uint8_t>;

void require(bool holds) {
  if (!holds) std::abort();
}

std::vector<Packet> read_packets(xm::Bytes input) {
  std::vector<Packet> packets;
  while (input.size() >= 2 && packets.size() < xm::Coalescer::kCapacity) {
    const std::size_t length = std::min<std::size_t>(xm::load_be16(input.data()), input.size() - 2);
    packets.emplace_back(input.begin() + 2,
                         input.begin() + 2 + static_cast<std::ptrdiff_t>(length));
    input = input.subspan(2 + length);
  }
  return packets;
}

// Zero and all ones are the same checksum.
void normalise(Packet& packet) {
  const bool is_v4 = packet[0] >> 4 == 4;
  const std::size_t ip = is_v4 ? 20 : 40;
  const std::size_t protocol = packet[is_v4 ? xm::ipv4::kProtocol : xm::ipv6::kNextHeader];
  const std::size_t field =
      ip + (protocol == xm::kProtocolTcp ? xm::tcp::kChecksum : xm::udp::kChecksum);
  if (packet[field] == 0xff && packet[field + 1] == 0xff) packet[field] = packet[field + 1] = 0;
  if (!is_v4) return;
  packet[10] = packet[11] = 0;
  if ((packet[6] & 0x40) != 0) packet[4] = packet[5] = 0;
}

void require_splits_into(std::span<const iovec> pieces,
                         const std::vector<const Packet*>& expected) {
  xm::VnetHeader vnet;
  std::memcpy(&vnet, pieces[0].iov_base, sizeof vnet);
  Packet whole;
  for (const iovec& piece : pieces.subspan(1)) {
    const auto* at = static_cast<const std::uint8_t*>(piece.iov_base);
    whole.insert(whole.end(), at, at + piece.iov_len);
  }
  xm::SplitPlan plan;
  require(xm::split_plan(vnet, whole, plan));
  require(plan.segment_count == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    Packet segment(plan.segment_length(i));
    xm::write_segment(plan, whole, i, segment.data());
    Packet original = *expected[i];
    require(segment.size() == original.size());
    normalise(segment);
    normalise(original);
    require(segment == original);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::vector<Packet> packets = read_packets({data + 1, size - 1});
  const std::vector<Packet> originals = packets;
  static const auto coalescers = [] {
    std::vector<std::unique_ptr<xm::Coalescer>> all;
    for (unsigned i = 0; i < 16; ++i) {
      all.push_back(std::make_unique<xm::Coalescer>(
          xm::CoalesceKinds{(i & 1) == 0, (i & 2) == 0, (i & 4) == 0, (i & 8) == 0}));
    }
    return all;
  }();
  xm::Coalescer& coalescer = *coalescers[data[0] & 15];
  coalescer.clear();
  for (Packet& packet : packets) require(coalescer.add(packet));
  coalescer.finish();

  std::size_t seen = 0;
  for (std::size_t i = 0; i < coalescer.size(); ++i) {
    const auto pieces = coalescer.super_packet(i);
    require(pieces.size() >= 2);
    std::vector<const Packet*> expected;
    for (const iovec& piece : pieces.subspan(1)) {
      const auto* end = static_cast<const std::uint8_t*>(piece.iov_base) + piece.iov_len;
      const auto owner = std::find_if(packets.begin(), packets.end(), [&](const Packet& packet) {
        return !packet.empty() && packet.data() + packet.size() == end;
      });
      if (owner == packets.end()) continue;  // an empty packet
      expected.push_back(&originals[static_cast<std::size_t>(owner - packets.begin())]);
    }
    seen += pieces.size() - 1;
    if (pieces.size() > 2) {
      require_splits_into(pieces, expected);
    } else if (!expected.empty()) {
      require(std::equal(expected[0]->begin(), expected[0]->end(),
                         static_cast<const std::uint8_t*>(pieces[1].iov_base)));
    }
  }
  require(seen == packets.size());
  return 0;
}
