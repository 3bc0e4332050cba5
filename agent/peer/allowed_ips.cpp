#include "agent/peer/allowed_ips.hpp"

#include <algorithm>
#include <optional>

namespace xm {

struct AllowedIps::V4Arithmetic {
  static std::uint32_t first(const Prefix& prefix) {
    return load_be32(prefix.address.octets.data());
  }
  static std::uint32_t last(const Prefix& prefix) {
    const std::uint32_t host_bits = prefix.length == 32 ? 0 : UINT32_MAX >> prefix.length;
    return first(prefix) | host_bits;
  }
  static std::optional<std::uint32_t> successor(std::uint32_t number) {
    if (number == UINT32_MAX) return std::nullopt;
    return number + 1;
  }
};

struct AllowedIps::V6Arithmetic {
  static Number128 first(const Prefix& prefix) {
    return {load_be64(prefix.address.octets.data()), load_be64(prefix.address.octets.data() + 8)};
  }
  static Number128 last(const Prefix& prefix) {
    const unsigned length = prefix.length;
    Number128 number = first(prefix);
    if (length < 64) number.high |= UINT64_MAX >> length;
    if (length <= 64) {
      number.low = UINT64_MAX;
    } else if (length < 128) {
      number.low |= UINT64_MAX >> (length - 64);
    }
    return number;
  }
  static std::optional<Number128> successor(Number128 number) {
    if (++number.low != 0) return number;
    if (++number.high != 0) return number;
    return std::nullopt;
  }
};

// A sweep over the prefixes in order of their first address, the wider first: `open` holds those
// that contain the current address, the narrowest on top. A range starts where a prefix begins and
// where one ends.
template <typename Arithmetic, typename Number>
void AllowedIps::flatten(std::span<const AllowedIp> sorted, Ranges<Number>& ranges) {
  if (sorted.empty()) return;
  struct Open {
    Number last;
    Peer* peer;
  };
  std::vector<Open> open;
  const auto begin_range = [&](Number start, Peer* peer) {
    if (!ranges.starts.empty() && ranges.starts.back() == start) {
      ranges.peers.back() = peer;
    } else if (ranges.peers.empty() || ranges.peers.back() != peer) {
      ranges.starts.push_back(start);
      ranges.peers.push_back(peer);
    }
  };
  const auto close_top = [&] {
    const std::optional<Number> after = Arithmetic::successor(open.back().last);
    open.pop_back();
    if (after) begin_range(*after, open.empty() ? nullptr : open.back().peer);
  };

  begin_range(Number{}, nullptr);
  for (const AllowedIp& entry : sorted) {
    const Number first = Arithmetic::first(entry.prefix);
    while (!open.empty() && open.back().last < first) close_top();
    begin_range(first, entry.peer);
    open.push_back({Arithmetic::last(entry.prefix), entry.peer});
  }
  while (!open.empty()) close_top();
  ranges.starts.shrink_to_fit();
  ranges.peers.shrink_to_fit();
}

AllowedIps::AllowedIps(std::span<const AllowedIp> prefixes) {
  std::vector<AllowedIp> sorted(prefixes.begin(), prefixes.end());
  const auto by_family_and_prefix = [](const AllowedIp& a, const AllowedIp& b) {
    if (a.prefix.address.family != b.prefix.address.family) {
      return a.prefix.address.family < b.prefix.address.family;
    }
    return a.prefix < b.prefix;
  };
  std::stable_sort(sorted.begin(), sorted.end(), by_family_and_prefix);
  const auto first_v6 = std::partition_point(
      sorted.begin(), sorted.end(), [](const AllowedIp& e) { return !e.prefix.address.is_v6(); });
  const auto v4_count = static_cast<std::size_t>(first_v6 - sorted.begin());
  flatten<V4Arithmetic>(std::span<const AllowedIp>(sorted).first(v4_count), v4_);
  flatten<V6Arithmetic>(std::span<const AllowedIp>(sorted).subspan(v4_count), v6_);
}

void AllowedIpsTable::add(const Prefix& prefix, Peer* peer) {
  const auto [entry, is_new] = owners_.try_emplace(prefix);
  Owner& owner = entry->second;
  if (!is_new) {
    if (owner.peer == peer) return;
    by_peer_[owner.peer].erase(owner.listed);
  }
  std::list<Prefix>& list = by_peer_[peer];
  owner = {peer, list.insert(list.end(), prefix)};
}

void AllowedIpsTable::remove(const Prefix& prefix, const Peer* peer) {
  const auto entry = owners_.find(prefix);
  if (entry == owners_.end() || entry->second.peer != peer) return;
  by_peer_[peer].erase(entry->second.listed);
  owners_.erase(entry);
}

void AllowedIpsTable::remove_all(const Peer* peer) {
  const auto mine = by_peer_.find(peer);
  if (mine == by_peer_.end()) return;
  for (const Prefix& prefix : mine->second) owners_.erase(prefix);
  by_peer_.erase(mine);
}

const std::list<Prefix>& AllowedIpsTable::of(const Peer* peer) const {
  static const std::list<Prefix> kNone;
  const auto mine = by_peer_.find(peer);
  return mine == by_peer_.end() ? kNone : mine->second;
}

std::unique_ptr<const AllowedIps> AllowedIpsTable::snapshot() const {
  std::vector<AllowedIp> prefixes;
  prefixes.reserve(owners_.size());
  for (const auto& [prefix, owner] : owners_) prefixes.push_back({prefix, owner.peer});
  return std::make_unique<const AllowedIps>(prefixes);
}

}  // namespace xm
