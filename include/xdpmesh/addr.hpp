// Addresses as values: IpAddress, Prefix, Endpoint.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <charconv>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "xdpmesh/bytes.hpp"

namespace xm {

// An IPv4 or IPv6 address in network byte order. IPv4 uses the first four bytes, the rest is zero.
struct IpAddress {
  enum class Family : std::uint8_t { none = 0, v4 = 4, v6 = 6 };

  std::array<std::uint8_t, 16> octets{};
  Family family = Family::none;

  [[nodiscard]] static IpAddress v4(const std::uint8_t* four_bytes) {
    IpAddress address;
    std::memcpy(address.octets.data(), four_bytes, 4);
    address.family = Family::v4;
    return address;
  }
  [[nodiscard]] static IpAddress v6(const std::uint8_t* sixteen_bytes) {
    IpAddress address;
    std::memcpy(address.octets.data(), sixteen_bytes, 16);
    address.family = Family::v6;
    return address;
  }
  // "192.0.2.1" or "2001:db8::1"; nothing else (no brackets, no zone).
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text) {
    const std::string copy(text);
    std::array<std::uint8_t, 16> raw{};
    if (inet_pton(AF_INET, copy.c_str(), raw.data()) == 1) return v4(raw.data());
    if (inet_pton(AF_INET6, copy.c_str(), raw.data()) == 1) return v6(raw.data());
    return std::nullopt;
  }

  [[nodiscard]] bool is_v4() const { return family == Family::v4; }
  [[nodiscard]] bool is_v6() const { return family == Family::v6; }
  [[nodiscard]] unsigned bits() const { return is_v4() ? 32 : 128; }
  [[nodiscard]] Bytes bytes() const { return Bytes(octets).first(is_v4() ? 4 : 16); }
  [[nodiscard]] std::string to_string() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (family == Family::none) return "(none)";
    inet_ntop(is_v4() ? AF_INET : AF_INET6, octets.data(), text.data(), text.size());
    return text.data();
  }
  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
};

// A CIDR prefix; the bits past `length` are zero.
struct Prefix {
  IpAddress address;
  std::uint8_t length = 0;

  // Clears the host bits. `length` ≤ address.bits().
  [[nodiscard]] static Prefix of(IpAddress address, std::uint8_t length) {
    for (unsigned bit = length; bit < address.bits(); ++bit) {
      address.octets[bit / 8] =
          static_cast<std::uint8_t>(address.octets[bit / 8] & ~(0x80U >> (bit % 8)));
    }
    return {address, length};
  }
  // "10.0.0.0/8", "fd00::/8", or an address alone (a host).
  [[nodiscard]] static std::optional<Prefix> parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address) return std::nullopt;
    unsigned length = address->bits();
    if (slash != std::string_view::npos) {
      const std::string_view digits = text.substr(slash + 1);
      const auto [end, error] =
          std::from_chars(digits.data(), digits.data() + digits.size(), length);
      if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
      if (length > address->bits()) return std::nullopt;
    }
    return of(*address, static_cast<std::uint8_t>(length));
  }

  // The same, but for a text with host bits: "10.0.0.1/8" is a slip of the pen, and cut short a
  // prefix would grow.
  [[nodiscard]] static std::optional<Prefix> parse_exact(std::string_view text) {
    const auto prefix = parse(text);
    const auto address = IpAddress::parse(text.substr(0, text.find('/')));
    return prefix && prefix->address == *address ? prefix : std::nullopt;
  }

  [[nodiscard]] bool contains(const IpAddress& candidate) const {
    return candidate.family == address.family && of(candidate, length).address == address;
  }
  [[nodiscard]] std::string to_string() const {
    return address.to_string() + "/" + std::to_string(length);
  }
  friend auto operator<=>(const Prefix&, const Prefix&) = default;
};

// A UDP address. `port` is in host byte order; `scope` is the interface index of an IPv6 link-local
// address, else 0.
struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;
  std::uint32_t scope = 0;

  [[nodiscard]] bool is_set() const { return address.family != IpAddress::Family::none; }

  // "192.0.2.1:51820", "[2001:db8::1]:51820", "[fe80::1%3]:51820" (the zone as a number).
  [[nodiscard]] static std::optional<Endpoint> parse(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos || colon == 0) return std::nullopt;
    Endpoint endpoint;
    const std::string_view digits = text.substr(colon + 1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), endpoint.port);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    if (const std::size_t zone = host.find('%'); bracketed && zone != std::string_view::npos) {
      const std::string_view number = host.substr(zone + 1);
      const auto parsed =
          std::from_chars(number.data(), number.data() + number.size(), endpoint.scope);
      if (parsed.ec != std::errc{} || parsed.ptr != number.data() + number.size()) {
        return std::nullopt;
      }
      host = host.substr(0, zone);
    }
    const auto address = IpAddress::parse(host);
    if (!address || address->is_v6() != bracketed) return std::nullopt;
    endpoint.address = *address;
    return endpoint;
  }
  [[nodiscard]] std::string to_string() const {
    if (!is_set()) return "(none)";
    if (address.is_v4()) return address.to_string() + ":" + std::to_string(port);
    const std::string zone = scope == 0 ? "" : "%" + std::to_string(scope);
    return "[" + address.to_string() + zone + "]:" + std::to_string(port);
  }

  // Fills `storage` and returns the length to hand to the kernel.
  [[nodiscard]] socklen_t to_sockaddr(sockaddr_storage& storage) const {
    std::memset(&storage, 0, sizeof storage);
    if (address.is_v4()) {
      auto& in = reinterpret_cast<sockaddr_in&>(storage);
      in.sin_family = AF_INET;
      in.sin_port = htons(port);
      std::memcpy(&in.sin_addr, address.octets.data(), 4);
      return sizeof in;
    }
    auto& in6 = reinterpret_cast<sockaddr_in6&>(storage);
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(port);
    in6.sin6_scope_id = scope;
    std::memcpy(&in6.sin6_addr, address.octets.data(), 16);
    return sizeof in6;
  }
  // An address family other than IPv4 or IPv6 gives an endpoint that is not set.
  [[nodiscard]] static Endpoint from_sockaddr(const sockaddr_storage& storage) {
    Endpoint endpoint;
    if (storage.ss_family == AF_INET) {
      const auto& in = reinterpret_cast<const sockaddr_in&>(storage);
      endpoint.address = IpAddress::v4(reinterpret_cast<const std::uint8_t*>(&in.sin_addr));
      endpoint.port = ntohs(in.sin_port);
    } else if (storage.ss_family == AF_INET6) {
      const auto& in6 = reinterpret_cast<const sockaddr_in6&>(storage);
      endpoint.address = IpAddress::v6(reinterpret_cast<const std::uint8_t*>(&in6.sin6_addr));
      endpoint.port = ntohs(in6.sin6_port);
      endpoint.scope = in6.sin6_scope_id;
    }
    return endpoint;
  }
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

}  // namespace xm
