// Any decrypted payload: lengths stay inside it, marking congestion keeps a right header checksum
// right, and an ICMP reply is itself a packet that none may be sent for.
#include <array>
#include <cstdlib>
#include <vector>

#include "agent/wire/checksum.hpp"
#include "agent/wire/icmp.hpp"
#include "agent/wire/ip.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool has_right_checksum(const std::vector<std::uint8_t>& packet) {
  return xm::checksum_is_valid(
      xm::checksum_header(packet.data(), std::size_t{4} * (packet[0] & 0xf)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::uint8_t> packet(data, data + size);  // so that the sanitizer sees its end
  const auto length = xm::inner_length(packet);
  const auto inner = xm::parse_inner(packet);
  std::array<std::uint8_t, xm::kIcmpMaximumSize> reply;
  const std::size_t replied = xm::build_unreachable(packet, reply);
  if (!length) {
    require(!inner && replied == 0);
    return 0;
  }
  require(*length <= size && *length >= 20);
  if (inner) {
    require(inner->total_length == *length);
    require(inner->header_length <= inner->transport_offset);
    require(inner->transport_offset <= inner->total_length);
    require(inner->ecn == xm::inner_ecn(packet));
  }
  if (replied != 0) {
    const xm::Bytes bytes(reply.data(), replied);
    require(inner.has_value());
    require(xm::inner_length(bytes) == replied);
    require(xm::inner_destination(bytes) == inner->source);
    std::array<std::uint8_t, xm::kIcmpMaximumSize> again;
    require(xm::build_unreachable(bytes, again) == 0);
  }
  const bool is_v4 = xm::ip_version(packet) == 4;
  const bool was_right = is_v4 && has_right_checksum(packet);
  const std::uint8_t before = xm::inner_ecn(packet);
  xm::mark_congestion(packet);
  require(xm::inner_ecn(packet) == (before == 0 ? 0 : 3));
  if (was_right) require(has_right_checksum(packet));
  return 0;
}
