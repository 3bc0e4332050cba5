#include "agent/peer/allowed_ips.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <random>

#include "agent/peer/peer.hpp"
#include "tests/support/naive_allowed_ips.hpp"

namespace xm {
namespace {

using test::NaiveAllowedIps;

Prefix prefix(std::string_view text) {
  return Prefix::parse(text).value();
}

Peer* find(const AllowedIps& table, std::string_view text) {
  const IpAddress address = IpAddress::parse(text).value();
  return address.is_v4() ? table.find_v4(address.octets.data())
                         : table.find_v6(address.octets.data());
}

TEST_CASE("allowed ips: an empty table finds nothing") {
  const AllowedIps table;
  CHECK(find(table, "0.0.0.0") == nullptr);
  CHECK(find(table, "::") == nullptr);
  const auto built = AllowedIpsTable().snapshot();
  CHECK(find(*built, "255.255.255.255") == nullptr);
}

// The shape of the kernel's static self-test: nested prefixes, defaults, edges of both families.
TEST_CASE("allowed ips: the longest prefix wins") {
  Peer a(1), b(2), c(3), d(4), e(5), f(6), g(7), h(8);
  AllowedIpsTable set;
  const auto add = [&](Peer& peer, std::string_view text) { set.add(prefix(text), &peer); };
  add(a, "192.168.4.0/24");
  add(b, "192.168.4.4/32");
  add(c, "192.168.0.0/16");
  add(d, "192.95.5.64/27");
  add(c, "192.95.5.65/27");  // the same prefix once its host bits are cleared: moves to c
  add(e, "0.0.0.0/0");
  add(g, "64.15.112.0/20");
  add(h, "64.15.123.211/25");
  add(a, "10.0.0.0/25");
  add(b, "10.0.0.128/25");
  add(a, "10.1.0.0/30");
  add(b, "10.1.0.4/30");
  add(c, "10.1.0.8/29");
  add(d, "10.1.0.16/29");
  add(d, "2607:5300:6006:b0:0:0:c05f:543/128");
  add(c, "2607:5300:6006:b0::/64");
  add(e, "::/0");
  add(f, "::/128");
  add(g, "2404:6800:4004:800::/58");
  add(h, "2404:6800:4004:800:dead:beef:dead:beef/64");
  add(a, "2404:6800:4004:800:dead:beef:dead:beef/128");
  const auto table = set.snapshot();

  struct Row {
    std::string_view address;
    Peer* peer;
  };
  const Row rows[] = {
      {"192.168.4.20", &a},
      {"192.168.4.0", &a},
      {"192.168.4.255", &a},
      {"192.168.4.4", &b},
      {"192.168.4.3", &a},
      {"192.168.4.5", &a},
      {"192.168.200.182", &c},
      {"192.168.0.0", &c},
      {"192.168.255.255", &c},
      {"192.169.0.0", &e},
      {"192.167.255.255", &e},
      {"192.95.5.68", &c},
      {"192.95.5.96", &e},
      {"192.95.5.63", &e},
      {"64.15.116.26", &g},
      {"64.15.127.3", &g},
      {"64.15.123.128", &h},
      {"64.15.123.255", &h},
      {"64.15.124.0", &g},
      {"10.0.0.127", &a},
      {"10.0.0.128", &b},
      {"10.1.0.3", &a},
      {"10.1.0.4", &b},
      {"10.1.0.15", &c},
      {"10.1.0.23", &d},
      {"10.1.0.24", &e},
      {"0.0.0.0", &e},
      {"255.255.255.255", &e},
      {"2607:5300:6006:b0::c05f:543", &d},
      {"2607:5300:6006:b0::c02e:1ee", &c},
      {"2607:5300:6006:b1::", &e},
      {"::", &f},
      {"::1", &e},
      {"2404:6800:4004:806::1006", &g},
      {"2404:6800:4004:83f:ffff:ffff:ffff:ffff", &g},
      {"2404:6800:4004:840::", &e},
      {"2404:6800:4004:800::", &h},
      {"2404:6800:4004:800:dead:beef:dead:beef", &a},
      {"2404:6800:4004:800:dead:beef:dead:bef0", &h},
      {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", &e},
  };
  for (const Row& row : rows) {
    CAPTURE(row.address);
    CHECK(find(*table, row.address) == row.peer);
  }
}

TEST_CASE("allowed ips: every prefix of a 6-bit universe in both families, alone and in pairs") {
  Peer a(1), b(2);
  struct Universe {
    IpAddress::Family family;
    unsigned base;  // bits before the six that vary
  };
  for (const Universe universe :
       {Universe{IpAddress::Family::v4, 0}, Universe{IpAddress::Family::v4, 26},
        Universe{IpAddress::Family::v6, 61}, Universe{IpAddress::Family::v6, 122}}) {
    const auto address_of = [&](unsigned value) {
      IpAddress address;
      address.family = universe.family;
      for (unsigned bit = 0; bit < 6; ++bit) {
        if ((value >> (5 - bit) & 1) == 0) continue;
        const unsigned at = universe.base + bit;
        address.octets[at / 8] |= static_cast<std::uint8_t>(0x80U >> (at % 8));
      }
      return address;
    };
    std::vector<Prefix> all;
    for (unsigned length = 0; length <= 6; ++length) {
      for (unsigned value = 0; value < 64; value += 64U >> length) {
        all.push_back(
            Prefix::of(address_of(value), static_cast<std::uint8_t>(universe.base + length)));
      }
    }
    unsigned wrong = 0;
    for (const Prefix& first : all) {
      for (const Prefix& second : all) {
        AllowedIpsTable set;
        set.add(first, &a);
        set.add(second, &b);
        NaiveAllowedIps naive;
        naive.add(first, &a);
        naive.add(second, &b);
        const auto table = set.snapshot();
        for (unsigned value = 0; value < 64; ++value) {
          const IpAddress address = address_of(value);
          Peer* const found = address.is_v4() ? table->find_v4(address.octets.data())
                                              : table->find_v6(address.octets.data());
          wrong += found != naive.find(address);
        }
      }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("allowed ips: a prefix moves to the peer that last got it") {
  Peer a(1), b(2);
  AllowedIpsTable set;
  set.add(prefix("10.0.0.0/8"), &a);
  set.add(prefix("10.1.0.0/16"), &a);
  set.add(prefix("fd00::/8"), &a);
  set.add(prefix("10.1.0.0/16"), &b);
  CHECK(set.of(&a) == std::list<Prefix>{prefix("10.0.0.0/8"), prefix("fd00::/8")});
  CHECK(set.of(&b) == std::list<Prefix>{prefix("10.1.0.0/16")});
  CHECK(find(*set.snapshot(), "10.1.2.3") == &b);

  set.remove(prefix("10.1.0.0/16"), &a);  // not a's: nothing happens
  CHECK(find(*set.snapshot(), "10.1.2.3") == &b);
  set.remove(prefix("10.1.0.0/16"), &b);
  CHECK(find(*set.snapshot(), "10.1.2.3") == &a);
  set.remove_all(&a);
  CHECK(set.size() == 0);
  CHECK(set.of(&a).empty());
  CHECK(find(*set.snapshot(), "10.1.2.3") == nullptr);
  CHECK(find(*set.snapshot(), "fd00::1") == nullptr);
}

class RandomPrefixes {
 public:
  explicit RandomPrefixes(std::uint32_t seed) : generator_(seed) {}

  IpAddress address() {
    IpAddress address;
    address.family = generator_() % 2 == 0 ? IpAddress::Family::v4 : IpAddress::Family::v6;
    for (std::size_t i = 0; i < address.bytes().size(); ++i) {
      // Few values in the leading bytes, so that prefixes nest and look-ups hit them.
      const auto byte = static_cast<std::uint8_t>(generator_());
      address.octets[i] = i < 2 ? static_cast<std::uint8_t>(byte % 5) : byte;
    }
    return address;
  }
  Prefix prefix() {
    const IpAddress host = address();
    return Prefix::of(host, static_cast<std::uint8_t>(generator_() % (host.bits() + 1)));
  }
  std::uint32_t below(std::size_t limit) {
    return static_cast<std::uint32_t>(generator_() % limit);
  }

 private:
  std::mt19937 generator_;
};

TEST_CASE("allowed ips: 2,000 peers and a million look-ups agree with the naive list") {
  constexpr std::uint32_t kSeed = 20240611;
  RandomPrefixes random(kSeed);
  std::vector<std::unique_ptr<Peer>> peers;
  for (PeerId id = 1; id <= 2000; ++id) peers.push_back(std::make_unique<Peer>(id));

  AllowedIpsTable set;
  NaiveAllowedIps naive;
  std::vector<Prefix> prefixes;
  for (const auto& peer : peers) {
    const Prefix one = random.prefix();
    set.add(one, peer.get());
    naive.add(one, peer.get());
    prefixes.push_back(one);
  }
  for (unsigned i = 0; i < 100; ++i) {  // some peers go again
    const Peer* const gone = peers[random.below(peers.size())].get();
    set.remove_all(gone);
    naive.remove_all(gone);
  }
  const auto table = set.snapshot();

  unsigned wrong = 0;
  unsigned found = 0;
  for (unsigned i = 0; i < 1'000'000; ++i) {
    IpAddress address = random.address();
    if (i % 2 == 0) {  // near a prefix: its network, with the low byte anything
      const Prefix& near = prefixes[random.below(prefixes.size())];
      const std::size_t low = near.address.bytes().size() - 1;
      const std::uint8_t byte = address.octets[low];
      address = near.address;
      address.octets[low] = static_cast<std::uint8_t>(address.octets[low] ^ byte);
    }
    Peer* const expected = naive.find(address);
    Peer* const got = address.is_v4() ? table->find_v4(address.octets.data())
                                      : table->find_v6(address.octets.data());
    wrong += got != expected;
    found += got != nullptr;
  }
  CHECK(wrong == 0);
  CHECK(found > 100'000);
}

TEST_CASE("allowed ips: 130,560 prefixes in one table") {
  std::vector<std::unique_ptr<Peer>> peers;
  for (PeerId id = 1; id <= 510; ++id) peers.push_back(std::make_unique<Peer>(id));
  AllowedIpsTable set;
  const auto host = [](std::size_t i) {
    const std::uint8_t octets[4] = {10, static_cast<std::uint8_t>(i >> 16),
                                    static_cast<std::uint8_t>(i >> 8),
                                    static_cast<std::uint8_t>(i)};
    return IpAddress::v4(octets);
  };
  constexpr std::size_t kCount = 130'560;
  for (std::size_t i = 0; i < kCount; ++i) {
    set.add(Prefix::of(host(i), 32), peers[i % peers.size()].get());
  }
  CHECK(set.size() == kCount);
  const auto table = set.snapshot();
  unsigned wrong = 0;
  for (std::size_t i = 0; i < kCount; ++i) {
    wrong += table->find_v4(host(i).octets.data()) != peers[i % peers.size()].get();
  }
  CHECK(wrong == 0);
  CHECK(table->find_v4(host(kCount).octets.data()) == nullptr);
}

}  // namespace
}  // namespace xm
