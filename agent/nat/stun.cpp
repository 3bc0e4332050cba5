#include "agent/nat/stun.hpp"

#include <algorithm>
#include <cstdio>
#include <optional>

namespace xm {
namespace {

// Message types (RFC 8489, figure 3 with the method Binding).
constexpr std::uint16_t kBindingRequest = 0x0001;
constexpr std::uint16_t kBindingSuccess = 0x0101;
constexpr std::uint16_t kBindingError = 0x0111;

// Attributes (section 18.3). Below 0x8000 they have to be understood.
constexpr std::uint16_t kMappedAddress = 0x0001;
constexpr std::uint16_t kMessageIntegrity = 0x0008;
constexpr std::uint16_t kErrorCode = 0x0009;
constexpr std::uint16_t kMessageIntegritySha256 = 0x001c;
constexpr std::uint16_t kXorMappedAddress = 0x0020;
constexpr std::uint16_t kFingerprint = 0x8028;
constexpr std::uint16_t kOptional = 0x8000;

// Understood, and of no use to a client without credentials: USERNAME, MESSAGE-INTEGRITY,
// UNKNOWN-ATTRIBUTES, REALM, NONCE, MESSAGE-INTEGRITY-SHA256, PASSWORD-ALGORITHM, USERHASH. Then
// those of RFC 3489 that a client has to ignore (RFC 5389, section 12.1).
constexpr std::array<std::uint16_t, 12> kIgnored{0x0006, 0x0008, 0x000a, 0x0014, 0x0015, 0x001c,
                                                 0x001d, 0x001e, 0x0002, 0x0004, 0x0005, 0x000b};

constexpr std::size_t kAttributeHeaderSize = 4;
constexpr std::size_t kFingerprintSize = 4;
constexpr std::uint8_t kFamilyV4 = 1;
constexpr std::uint8_t kFamilyV6 = 2;
constexpr std::size_t kMaxReason = 64;

constexpr std::array<std::uint32_t, 256> crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320U : 0U);
    table[byte] = crc;
  }
  return table;
}

// What is kept of the attributes; an address or code is there when its attribute was.
struct Attributes {
  std::optional<Bytes> xor_mapped;
  std::optional<Bytes> mapped;
  std::optional<Bytes> error_code;
  std::optional<std::uint16_t> unknown;
};

void keep(std::optional<Bytes>& first, Bytes value) {
  if (!first) first = value;
}

void note(Attributes& found, std::uint16_t type, Bytes value) {
  if (type == kXorMappedAddress) {
    keep(found.xor_mapped, value);
  } else if (type == kMappedAddress) {
    keep(found.mapped, value);
  } else if (type == kErrorCode) {
    keep(found.error_code, value);
  } else if (type < kOptional && !found.unknown &&
             std::find(kIgnored.begin(), kIgnored.end(), type) == kIgnored.end()) {
    found.unknown = type;
  }
}

Result<Attributes> read_attributes(Bytes datagram) {
  Attributes found;
  bool closed = false;  // by MESSAGE-INTEGRITY
  for (std::size_t at = kStunHeaderSize; at < datagram.size();) {
    const std::uint8_t* header = datagram.data() + at;
    const std::uint16_t type = load_be16(header);
    const std::size_t size = load_be16(header + 2);
    // Lengths are without the padding to four bytes, which what is left has too.
    if (size > datagram.size() - at - kAttributeHeaderSize) {
      return Error{"an attribute runs past the end of the message"};
    }
    const Bytes value = datagram.subspan(at + kAttributeHeaderSize, size);
    if (type == kFingerprint) {
      if (size != kFingerprintSize || at + kAttributeHeaderSize + size != datagram.size()) {
        return Error{"FINGERPRINT has to be four bytes at the message's end"};
      }
      if (load_be32(value.data()) != stun_fingerprint(datagram.first(at))) {
        return Error{"FINGERPRINT does not fit the message"};
      }
    } else if (!closed) {
      note(found, type, value);
      closed = type == kMessageIntegrity || type == kMessageIntegritySha256;
    }
    at += kAttributeHeaderSize + (size + 3) / 4 * 4;
  }
  return found;
}

// MAPPED-ADDRESS and XOR-MAPPED-ADDRESS (sections 14.1, 14.2): a zero byte, the family, the port,
// the address; `mask` is XORed to port and address and begins with the cookie.
Result<Endpoint> read_address(Bytes value, Bytes mask) {
  constexpr std::size_t kAddress = 4;
  const std::size_t size = value.size();
  const bool is_v4 = size == kAddress + 4 && value[1] == kFamilyV4;
  const bool is_v6 = size == kAddress + 16 && value[1] == kFamilyV6;
  if (!is_v4 && !is_v6) return Error{"the mapped address is neither IPv4 nor IPv6"};
  std::array<std::uint8_t, 16> octets{};
  for (std::size_t i = 0; i < size - kAddress; ++i) {
    octets[i] = static_cast<std::uint8_t>(value[kAddress + i] ^ mask[i]);
  }
  Endpoint endpoint;
  endpoint.address = is_v4 ? IpAddress::v4(octets.data()) : IpAddress::v6(octets.data());
  endpoint.port = static_cast<std::uint16_t>(load_be16(value.data() + 2) ^ load_be16(mask.data()));
  return endpoint;
}

// Zeroes are no answer.
bool is_somewhere(const Endpoint& endpoint) {
  const Bytes octets = endpoint.address.bytes();
  return endpoint.port != 0 &&
         std::any_of(octets.begin(), octets.end(), [](std::uint8_t byte) { return byte != 0; });
}

// Section 14.8: 21 reserved bits, the hundreds, the rest, a text.
Result<std::string> read_error(const std::optional<Bytes>& value) {
  if (!value || value->size() < 4) return Error{"an error response without an error code"};
  const unsigned hundreds = (*value)[2] & 7U;
  const unsigned rest = (*value)[3];
  if (hundreds < 3 || hundreds > 6 || rest > 99) {
    return Error{"an error code that is not from 300 to 699"};
  }
  std::string text = "it refuses: " + std::to_string(hundreds * 100 + rest);
  const Bytes reason = value->subspan(4);
  if (!reason.empty()) text += ' ';
  for (const std::uint8_t byte : reason.first(std::min(reason.size(), kMaxReason))) {
    text += byte >= 0x20 && byte < 0x7f ? static_cast<char>(byte) : '?';
  }
  return text;
}

std::string unknown_text(std::uint16_t type) {
  std::array<char, 8> hexadecimal{};
  std::snprintf(hexadecimal.data(), hexadecimal.size(), "0x%04x", type);
  return std::string("its answer has the attribute ") + hexadecimal.data() +
         ", which would have to be understood";
}

}  // namespace

StunRequest binding_request(const StunTransaction& transaction) {
  StunRequest request{};
  store_be16(request.data(), kBindingRequest);
  store_be32(request.data() + 4, kStunCookie);
  std::copy(transaction.begin(), transaction.end(), request.begin() + 8);
  return request;
}

Result<StunResponse> parse_binding_response(Bytes datagram) {
  if (!is_stun(datagram)) return Error{"not a STUN message"};
  const std::uint16_t type = load_be16(datagram.data());
  if (type != kBindingSuccess && type != kBindingError) {
    return Error{"not a response to a Binding request"};
  }
  const std::size_t size = load_be16(datagram.data() + 2);
  if (size % 4 != 0 || kStunHeaderSize + size != datagram.size()) {
    return Error{"the length in the header is not the message's"};
  }
  const auto attributes = read_attributes(datagram);
  if (!attributes) return attributes.error();
  const Attributes& found = attributes.value();

  StunResponse response;
  std::copy_n(datagram.begin() + 8, response.transaction.size(), response.transaction.begin());
  if (found.unknown) {
    response.failure = unknown_text(*found.unknown);
    return response;
  }
  if (type == kBindingError) {
    auto text = read_error(found.error_code);
    if (!text) return text.error();
    response.failure = std::move(text).value();
    return response;
  }
  // Section 6.3.3: the XORed one where there are both, for what rewrites addresses in payloads.
  constexpr std::array<std::uint8_t, 16> kNoMask{};
  if (found.xor_mapped || found.mapped) {
    auto mapped = found.xor_mapped ? read_address(*found.xor_mapped, datagram.subspan(4, 16))
                                   : read_address(*found.mapped, kNoMask);
    if (!mapped) return mapped.error();
    if (is_somewhere(mapped.value())) response.mapped = mapped.value();
  }
  if (!response.mapped.is_set()) response.failure = "its answer has no mapped address";
  return response;
}

std::uint32_t stun_fingerprint(Bytes before) {
  static constexpr std::array<std::uint32_t, 256> kTable = crc_table();
  constexpr std::uint32_t kChange = 0x5354554e;
  std::uint32_t crc = 0xffffffff;
  for (const std::uint8_t byte : before) crc = (crc >> 8) ^ kTable[(crc ^ byte) & 0xff];
  return ~crc ^ kChange;
}

}  // namespace xm
