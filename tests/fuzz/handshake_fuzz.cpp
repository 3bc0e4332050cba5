// Handshake messages from anyone: into the responder, the initiator and the cookie jar, past the
// macs, which a stranger who knows our public key can make. Only the genuine message may succeed,
// and a refused one may change nothing.
#include <cstdlib>
#include <cstring>
#include <memory>

#include "tests/fuzz/handshake_world.hpp"

namespace xm::test {
namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

template <typename Message>
Message message_in(Bytes datagram) {
  Message message;
  std::memcpy(&message, datagram.data(), sizeof message);
  return message;
}

// Equal in the bytes that Noise protects: from `from` up to the macs.
template <typename Message>
bool same_noise(const Message& a, const Message& b, std::size_t from) {
  const std::size_t size = sizeof(Message) - sizeof(MessageMacs) - from;
  return std::memcmp(bytes_of(a).data() + from, bytes_of(b).data() + from, size) == 0;
}

void try_macs(HandshakeWorld& world, Bytes datagram) {
  const bool has_mac1 = world.checker.mac1_is_valid(datagram);
  const bool has_mac2 = world.checker.mac2_is_valid(datagram, world.source, kStart);
  require(!has_mac2);  // nobody has used the cookie
  if (has_mac1) (void)world.checker.make_reply(datagram, world.source, kStart);
}

void try_initiation(HandshakeWorld& world, const MessageInitiation& message) {
  const std::optional<CreatedResponse> response = world.sides.answer(message);
  if (!response) return;
  require(same_noise(message, world.initiation, offsetof(MessageInitiation, ephemeral)));
  require(load_le32(response->message.receiver_index) == load_le32(message.sender_index));
}

// True when the world has changed.
bool try_response(HandshakeWorld& world, const MessageResponse& message) {
  const std::optional<TransportKeys> keys = world.sides.finish(message);
  require(world.sides.pending.is_pending() != keys.has_value());
  if (!keys) return false;
  require(same_noise(message, world.response, offsetof(MessageResponse, receiver_index)));
  return true;
}

bool try_cookie_reply(HandshakeWorld& world, const MessageCookieReply& message) {
  if (!world.jar.consume(message, kStart)) return false;
  require(std::memcmp(message.nonce, world.cookie_reply.nonce,
                      sizeof message - offsetof(MessageCookieReply, nonce)) == 0);
  return true;
}

}  // namespace
}  // namespace xm::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace xm;
  using namespace xm::test;
  static auto world = std::make_unique<HandshakeWorld>();
  const Bytes datagram(data, size);
  bool changed = false;
  switch (message_type(datagram).value_or(MessageType::data)) {
    case MessageType::initiation:
      try_macs(*world, datagram);
      try_initiation(*world, message_in<MessageInitiation>(datagram));
      break;
    case MessageType::response:
      try_macs(*world, datagram);
      changed = try_response(*world, message_in<MessageResponse>(datagram));
      break;
    case MessageType::cookie_reply:
      changed = try_cookie_reply(*world, message_in<MessageCookieReply>(datagram));
      break;
    case MessageType::data:
      break;
  }
  if (changed) world = std::make_unique<HandshakeWorld>();
  return 0;
}
