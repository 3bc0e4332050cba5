#include "agent/wire/wg.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <vector>

namespace xm {
namespace {

TEST_CASE("wg: fields lie where the paper puts them") {
  CHECK(offsetof(MessageInitiation, sender_index) == 4);
  CHECK(offsetof(MessageInitiation, ephemeral) == 8);
  CHECK(offsetof(MessageInitiation, encrypted_static) == 40);
  CHECK(offsetof(MessageInitiation, encrypted_timestamp) == 88);
  CHECK(offsetof(MessageInitiation, macs) == 116);
  CHECK(offsetof(MessageResponse, receiver_index) == 8);
  CHECK(offsetof(MessageResponse, ephemeral) == 12);
  CHECK(offsetof(MessageResponse, encrypted_nothing) == 44);
  CHECK(offsetof(MessageResponse, macs) == 60);
  CHECK(offsetof(MessageCookieReply, nonce) == 8);
  CHECK(offsetof(MessageCookieReply, encrypted_cookie) == 32);
  CHECK(offsetof(MessageDataHeader, counter) == 8);
}

TEST_CASE("wg: message_type() takes exactly the four shapes, at every length") {
  std::vector<std::uint8_t> datagram(2000, 0xaa);
  for (std::uint32_t type = 0; type < 256; ++type) {
    store_le32(datagram.data(), type);
    for (std::size_t length = 0; length < datagram.size(); ++length) {
      const bool expected = (type == 1 && length == 148) || (type == 2 && length == 92) ||
                            (type == 3 && length == 64) || (type == 4 && length >= 32);
      const auto found = message_type(Bytes(datagram).first(length));
      if (found.has_value() != expected) FAIL("type ", type, " length ", length);
      if (found && static_cast<std::uint32_t>(*found) != type) FAIL("type ", type);
    }
  }
}

TEST_CASE("wg: reserved bytes must be zero") {
  std::vector<std::uint8_t> datagram(148, 0);
  for (std::uint8_t type = 1; type <= 4; ++type) {
    for (std::size_t reserved = 1; reserved < 4; ++reserved) {
      for (std::size_t length : {32U, 64U, 92U, 148U}) {
        datagram.assign(length, 0);
        datagram[0] = type;
        datagram[reserved] = 0x80;
        CHECK_FALSE(message_type(datagram).has_value());
      }
    }
  }
}

}  // namespace
}  // namespace xm
