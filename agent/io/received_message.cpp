#include "agent/io/received_message.hpp"

#include <algorithm>

namespace xm {

bool split_into(ReceiveBatch& batch, const ReceivedMessage& message, std::size_t& piece) {
  const std::size_t length = message.length;
  const std::size_t segment =
      message.attributes.segment_size != 0 ? message.attributes.segment_size : length;
  // An empty datagram is one too, and dies further on where its death is counted.
  const std::size_t pieces = length == 0 ? 1 : (length + segment - 1) / segment;
  if (message.truncated) {
    batch.truncated += pieces;
    return true;
  }
  if (batch.source_count == ReceiveBatch::kMaxSources) return false;
  const auto source = static_cast<std::uint32_t>(batch.source_count);
  batch.sources[batch.source_count++] = {
      Endpoint::from_sockaddr(message.from), message.attributes.local,
      message.attributes.interface_index, message.attributes.ecn};
  for (; piece < pieces; ++piece) {
    if (batch.frame_count == ReceiveBatch::kMaxFrames) return false;
    const std::size_t begin = piece * segment;
    batch.frames[batch.frame_count++] = {
        message.payload + begin, static_cast<std::uint32_t>(std::min(segment, length - begin)),
        source};
  }
  return true;
}

}  // namespace xm
