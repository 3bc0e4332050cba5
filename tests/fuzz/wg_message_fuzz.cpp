// Any datagram: its shape is told without reading past its end, and a message that has a shape has
// all the bytes of its struct.
#include <cstdlib>
#include <cstring>

#include "agent/wire/wg.hpp"

namespace {

template <typename Message>
void require_whole(xm::Bytes datagram) {
  Message message;
  if (datagram.size() < sizeof message) std::abort();
  std::memcpy(&message, datagram.data(), sizeof message);
  if (message.type[1] != 0 || message.type[2] != 0 || message.type[3] != 0) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const xm::Bytes datagram(data, size);
  const auto type = xm::message_type(datagram);
  if (!type) return 0;
  switch (*type) {
    case xm::MessageType::initiation:
      require_whole<xm::MessageInitiation>(datagram);
      break;
    case xm::MessageType::response:
      require_whole<xm::MessageResponse>(datagram);
      break;
    case xm::MessageType::cookie_reply:
      require_whole<xm::MessageCookieReply>(datagram);
      break;
    case xm::MessageType::data:
      require_whole<xm::MessageDataHeader>(datagram);
      break;
  }
  return 0;
}
