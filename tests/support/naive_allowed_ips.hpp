// An oracle for allowed IPs: a list of prefixes, searched from end to end.
#pragma once

#include <algorithm>
#include <vector>

#include "agent/peer/allowed_ips.hpp"

namespace xm::test {

class NaiveAllowedIps {
 public:
  void add(const Prefix& prefix, Peer* peer) {
    std::vector<AllowedIp>& entries = of(prefix.address);
    std::erase_if(entries, [&](const AllowedIp& entry) { return entry.prefix == prefix; });
    entries.push_back({prefix, peer});
    std::stable_sort(entries.begin(), entries.end(), [](const AllowedIp& a, const AllowedIp& b) {
      return a.prefix.length > b.prefix.length;
    });
  }

  void remove_all(const Peer* peer) {
    const auto is_his = [&](const AllowedIp& entry) { return entry.peer == peer; };
    std::erase_if(v4_, is_his);
    std::erase_if(v6_, is_his);
  }

  // The first that matches: the list has the longest prefixes first.
  [[nodiscard]] Peer* find(const IpAddress& address) {
    for (const AllowedIp& entry : of(address)) {
      if (contains(entry.prefix, address)) return entry.peer;
    }
    return nullptr;
  }

 private:
  // Bit by bit from the definition, not by Prefix::contains().
  static bool contains(const Prefix& prefix, const IpAddress& address) {
    const unsigned whole = prefix.length / 8;
    for (unsigned i = 0; i < whole; ++i) {
      if (prefix.address.octets[i] != address.octets[i]) return false;
    }
    const unsigned rest = prefix.length % 8;
    if (rest == 0) return true;
    return (prefix.address.octets[whole] >> (8 - rest)) == (address.octets[whole] >> (8 - rest));
  }

  std::vector<AllowedIp>& of(const IpAddress& address) { return address.is_v4() ? v4_ : v6_; }

  std::vector<AllowedIp> v4_;
  std::vector<AllowedIp> v6_;
};

}  // namespace xm::test
