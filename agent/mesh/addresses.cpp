#include "agent/mesh/addresses.hpp"

#include <algorithm>
#include <array>

#include "agent/crypto/blake2b.hpp"
#include "agent/mesh/byte_codec.hpp"

namespace xm {
namespace {

constexpr std::uint32_t kMostSalts = 1U << 16;

// A text whose length is in the hash before it.
Hash hash_of(std::string_view label, std::string_view mesh, Bytes rest = {}, Bytes more = {}) {
  const std::array<std::uint8_t, 1> length{static_cast<std::uint8_t>(mesh.size())};
  return blake2b({bytes_of(label), length, bytes_of(mesh), rest, more});
}

Hash rank(const IpAddress& address, const Identity& identity) {
  return blake2b({bytes_of("xdp-mesh rank"), address.bytes(), identity.key});
}

struct Claim {
  Prefix prefix;
  bool granted = false;
  Identity identity;
};

// Whether `a` goes before `b`; both are for one prefix.
bool goes_before(const Claim& a, const Claim& b) {
  if (a.granted != b.granted) return a.granted;
  if (a.granted || a.identity == b.identity) return a.identity < b.identity;
  return keeps_address(a.prefix.address, a.identity, b.identity);
}

}  // namespace

IpAddress derive_ipv4(std::string_view mesh, const Identity& identity, std::uint32_t salt,
                      const Prefix& prefix) {
  std::array<std::uint8_t, 4> salt_bytes{};
  store_le32(salt_bytes.data(), salt);
  const Hash hash = hash_of("xdp-mesh ipv4", mesh, identity.key, salt_bytes);
  const std::uint64_t hosts = (std::uint64_t{1} << (32 - prefix.length)) - 2;
  const auto host = static_cast<std::uint32_t>(load_le64(hash.data()) % hosts + 1);
  std::array<std::uint8_t, 4> octets{};
  store_be32(octets.data(), load_be32(prefix.address.octets.data()) | host);
  return IpAddress::v4(octets.data());
}

Prefix derive_ipv6_prefix(std::string_view mesh) {
  const Hash hash = hash_of("xdp-mesh ipv6 prefix", mesh);
  std::array<std::uint8_t, 16> octets{0xfd};
  std::copy_n(hash.begin(), 7, octets.begin() + 1);
  return {IpAddress::v6(octets.data()), 64};
}

IpAddress derive_ipv6(std::string_view mesh, const Identity& identity) {
  IpAddress address = derive_ipv6_prefix(mesh).address;
  const Hash hash = hash_of("xdp-mesh ipv6", mesh, identity.key);
  std::copy_n(hash.begin(), 8, address.octets.begin() + 8);
  return address;
}

bool keeps_address(const IpAddress& address, const Identity& mine, const Identity& other) {
  return rank(address, mine) < rank(address, other);
}

std::optional<std::uint32_t> free_salt(std::string_view mesh, const Identity& identity,
                                       std::uint32_t salt, const Prefix& prefix,
                                       const std::function<bool(const IpAddress&)>& taken) {
  for (std::uint32_t tried = 0; tried < kMostSalts; ++tried) {
    if (!taken(derive_ipv4(mesh, identity, salt + tried, prefix))) return salt + tried;
  }
  return std::nullopt;
}

AddressBook assign_addresses(const std::vector<AddressClaim>& claims) {
  std::vector<Claim> all;
  for (const AddressClaim& claim : claims) {
    for (const Prefix& prefix : claim.granted) all.push_back({prefix, true, claim.identity});
    for (const Prefix& prefix : claim.derived) all.push_back({prefix, false, claim.identity});
  }
  std::sort(all.begin(), all.end(), [](const Claim& a, const Claim& b) {
    return a.prefix != b.prefix ? a.prefix < b.prefix : goes_before(a, b);
  });
  AddressBook book;
  for (const Claim& claim : all) {
    if (book.owners.empty() || book.owners.back().prefix != claim.prefix) {
      book.owners.push_back({claim.prefix, claim.identity});
    } else if (book.owners.back().owner != claim.identity) {
      book.conflicts.push_back({claim.prefix, book.owners.back().owner, claim.identity});
    }
  }
  return book;
}

}  // namespace xm
