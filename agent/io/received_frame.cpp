#include "agent/io/received_frame.hpp"

#include "agent/wire/outer.hpp"

namespace xm {
namespace {

bool is_from(const OuterDatagram& datagram, std::uint32_t interface_index, const Source& source) {
  return source.remote.port == datagram.source_port && source.ecn == datagram.ecn &&
         source.interface_index == interface_index && source.remote.address == datagram.source &&
         source.local == datagram.destination;
}

// Whether `batch` has `datagram`'s source as its last, or has it now.
bool find_source(ReceiveBatch& batch, const OuterDatagram& datagram,
                 std::uint32_t interface_index) {
  if (batch.source_count > 0 &&
      is_from(datagram, interface_index, batch.sources[batch.source_count - 1])) {
    return true;
  }
  if (batch.source_count == ReceiveBatch::kMaxSources) return false;
  const std::uint32_t scope = is_link_local(datagram.source) ? interface_index : 0;
  batch.sources[batch.source_count++] = {{datagram.source, datagram.source_port, scope},
                                         datagram.destination,
                                         interface_index,
                                         datagram.ecn,
                                         ReceivePath::xdp};
  return true;
}

}  // namespace

bool add_frame(ReceiveBatch& batch, MutableBytes frame, std::uint32_t interface_index) {
  if (batch.frame_count == ReceiveBatch::kMaxFrames) return false;
  OuterDatagram datagram;
  OuterVerdict verdict = parse_outer(frame, datagram);
  if (verdict == OuterVerdict::datagram && datagram.is_tagged) {
    interface_index = 0;
    if (is_link_local(datagram.source)) verdict = OuterVerdict::martian;
  }
  switch (verdict) {
    case OuterVerdict::malformed:
      ++batch.outer_malformed;
      return true;
    case OuterVerdict::checksum:
      ++batch.outer_checksum;
      return true;
    case OuterVerdict::martian:
      ++batch.outer_martian;
      return true;
    case OuterVerdict::datagram:
      break;
  }
  if (!find_source(batch, datagram, interface_index)) return false;
  batch.frames[batch.frame_count++] = {frame.data() + datagram.payload_offset,
                                       datagram.payload_length,
                                       static_cast<std::uint32_t>(batch.source_count - 1)};
  return true;
}

}  // namespace xm
