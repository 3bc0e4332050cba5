// Which peer owns an inner address: the destination on the way out, the source on the way in. The
// longest matching prefix decides (WireGuard paper, section 2, "cryptokey routing";
// drivers/net/wireguard/allowedips.c).
//
// AllowedIps is what the packet path reads: immutable, published whole, retired through Grace.
// Nested prefixes are flattened into disjoint ranges, so a lookup is one binary search over a flat
// array of range starts (two cache lines for a few peers, 16 KB for 2,000 IPv4 prefixes) and knows
// nothing of nesting. AllowedIpsTable is the control thread's mutable set from which it is built.
#pragma once

#include <compare>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "xdpmesh/addr.hpp"

namespace xm {

class Peer;

struct AllowedIp {
  Prefix prefix;
  Peer* peer = nullptr;
};

class AllowedIps {
 public:
  AllowedIps() = default;
  // In any order; of two equal prefixes the later one wins. The peers outlive this object, or it is
  // replaced before they are retired.
  explicit AllowedIps(std::span<const AllowedIp> prefixes);

  // Null when no prefix matches. The address is 4 or 16 bytes in network order, not aligned. Any
  // thread.
  [[nodiscard]] Peer* find_v4(const std::uint8_t* address) const {
    return v4_.find(load_be32(address));
  }
  [[nodiscard]] Peer* find_v6(const std::uint8_t* address) const {
    return v6_.find({load_be64(address), load_be64(address + 8)});
  }

 private:
  struct Number128 {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    friend auto operator<=>(const Number128&, const Number128&) = default;
  };

  // Disjoint ranges that cover the whole family: range i is [starts[i], starts[i + 1]) and belongs
  // to peers[i], which is null in the gaps. Empty when the family has no prefix.
  template <typename Number>
  struct Ranges {
    std::vector<Number> starts;
    std::vector<Peer*> peers;

    [[nodiscard]] Peer* find(Number address) const {
      if (starts.empty()) return nullptr;
      const Number* base = starts.data();  // starts[0] is zero: something is always ≤ address
      std::size_t count = starts.size();
      while (count > 1) {  // without a branch that the address decides
        const std::size_t half = count / 2;
        base = base[half] <= address ? base + half : base;
        count -= half;
      }
      return peers[static_cast<std::size_t>(base - starts.data())];
    }
  };

  struct V4Arithmetic;
  struct V6Arithmetic;
  template <typename Arithmetic, typename Number>
  static void flatten(std::span<const AllowedIp> sorted, Ranges<Number>& ranges);

  Ranges<std::uint32_t> v4_;
  Ranges<Number128> v6_;
};

// The mutable set. Control thread only. A prefix belongs to one peer at a time.
class AllowedIpsTable {
 public:
  // Moves the prefix here when another peer had it.
  void add(const Prefix& prefix, Peer* peer);
  // Nothing happens when the prefix is not this peer's.
  void remove(const Prefix& prefix, const Peer* peer);
  void remove_all(const Peer* peer);

  // In the order in which they were added; valid until the next change.
  [[nodiscard]] const std::list<Prefix>& of(const Peer* peer) const;
  [[nodiscard]] std::size_t size() const { return owners_.size(); }

  [[nodiscard]] std::unique_ptr<const AllowedIps> snapshot() const;

 private:
  struct Owner {
    Peer* peer = nullptr;
    std::list<Prefix>::iterator listed;
  };

  std::map<Prefix, Owner> owners_;
  std::unordered_map<const Peer*, std::list<Prefix>> by_peer_;
};

}  // namespace xm
