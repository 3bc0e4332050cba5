#include "agent/io/local_addresses.hpp"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <bit>
#include <memory>

#include "agent/wire/outer.hpp"

namespace xm {
namespace {

struct FreeList {
  void operator()(ifaddrs* list) const { freeifaddrs(list); }
};

Result<std::unique_ptr<ifaddrs, FreeList>> list_addresses() {
  ifaddrs* raw = nullptr;
  if (getifaddrs(&raw) != 0) return errno_error("cannot list this machine's addresses");
  return std::unique_ptr<ifaddrs, FreeList>(raw);
}

IpAddress address_of(const sockaddr& from) {
  if (from.sa_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(from);
    return IpAddress::v4(reinterpret_cast<const std::uint8_t*>(&in.sin_addr));
  }
  if (from.sa_family == AF_INET6) {
    const auto& in6 = reinterpret_cast<const sockaddr_in6&>(from);
    return IpAddress::v6(reinterpret_cast<const std::uint8_t*>(&in6.sin6_addr));
  }
  return {};
}

std::uint8_t length_of(const IpAddress& mask) {
  unsigned bits = 0;
  for (const std::uint8_t part : mask.bytes()) bits += static_cast<unsigned>(std::popcount(part));
  return static_cast<std::uint8_t>(bits);
}

}  // namespace

Result<std::vector<LocalAddress>> local_addresses(const std::string& but) {
  auto list = list_addresses();
  if (!list) return list.error();
  std::vector<LocalAddress> found;
  for (const ifaddrs* at = list->get(); at != nullptr; at = at->ifa_next) {
    const bool counts = at->ifa_addr != nullptr && at->ifa_netmask != nullptr &&
                        (at->ifa_flags & IFF_UP) != 0 && (at->ifa_flags & IFF_LOOPBACK) == 0;
    if (!counts || but == at->ifa_name) continue;
    const IpAddress address = address_of(*at->ifa_addr);
    if (address.family == IpAddress::Family::none) continue;
    // glibc gives the mask the family of its address, older ones none.
    sockaddr_storage mask{};
    std::memcpy(&mask, at->ifa_netmask,
                address.is_v4() ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    mask.ss_family = at->ifa_addr->sa_family;
    const std::uint8_t length = length_of(address_of(reinterpret_cast<const sockaddr&>(mask)));
    found.push_back({address, Prefix::of(address, length), at->ifa_name});
  }
  return found;
}

Result<std::vector<IpAddress>> own_addresses() {
  auto list = list_addresses();
  if (!list) return list.error();
  std::vector<IpAddress> found;
  for (const ifaddrs* at = list->get(); at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || (at->ifa_flags & IFF_UP) == 0) continue;
    const IpAddress address = address_of(*at->ifa_addr);
    if (address.family == IpAddress::Family::none || is_link_local(address)) continue;
    found.push_back(address);
  }
  std::ranges::sort(found);
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace xm
