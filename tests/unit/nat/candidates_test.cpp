#include "agent/nat/candidates.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>

namespace xm {
namespace {

constexpr Instant kStart{1'000'000'000'000};
using Kind = CandidateKind;

Endpoint at(std::string_view text) {
  return *Endpoint::parse(text);
}

std::vector<IpAddress> addresses(std::initializer_list<const char*> texts) {
  std::vector<IpAddress> list;
  for (const char* text : texts) list.push_back(*IpAddress::parse(text));
  return list;
}

const std::vector<Prefix> kInside{*Prefix::parse("100.64.0.0/16"), *Prefix::parse("fd00:5::/48"),
                                  *Prefix::parse("10.9.0.0/16")};

std::string endpoints_text(const Candidates& candidates) {
  std::string text;
  for (const Candidate& one : candidates.list()) text += one.endpoint.to_string() + " ";
  return text;
}

TEST_CASE("candidates: an endpoint that nobody else can reach is refused, with the reason") {
  const std::pair<const char*, const char*> rows[] = {
      {"192.0.2.1:0", "port is 0"},      {"0.0.0.0:1", "unspecified"},
      {"0.1.2.3:1", "unspecified"},      {"127.0.0.1:1", "loopback"},
      {"127.255.255.254:1", "loopback"}, {"169.254.169.254:80", "link-local"},
      {"224.0.0.1:1", "multicast"},      {"239.255.255.255:1", "multicast"},
      {"240.0.0.1:1", "reserved"},       {"255.255.255.255:1", "broadcast"},
      {"[::]:1", "unspecified"},         {"[::1]:1", "loopback"},
      {"[::ffff:192.0.2.1]:1", "spelt"}, {"[::192.0.2.1]:1", "spelt"},
      {"[fe80::1]:1", "link-local"},     {"[febf::1]:1", "link-local"},
      {"[ff02::1]:1", "multicast"},      {"100.64.3.4:1", "inside the mesh"},
      {"10.9.1.1:1", "inside the mesh"}, {"[fd00:5::1]:1", "inside the mesh"},
  };
  for (const auto& [text, why] : rows) {
    const char* fault = candidate_fault(at(text), kInside);
    REQUIRE_MESSAGE(fault != nullptr, text);
    CHECK_MESSAGE(std::string(fault).find(why) != std::string::npos, text, ": ", fault);
  }
  CHECK(candidate_fault({}, {}) != nullptr);
  for (const char* text :
       {"192.0.2.1:51820", "10.0.0.1:1", "100.127.0.1:1", "223.255.255.255:65535",
        "[2001:db8::1]:1", "[fd00:6::1]:1", "[fe80::1%3]:1", "[fec0::1]:1"}) {
    CHECK_MESSAGE(candidate_fault(at(text), kInside) == nullptr, text);
  }
}

TEST_CASE("candidates: of a member's record what is on our own network comes first, each once") {
  const std::vector<Endpoint> offered{
      at("192.0.2.1:1"),   at("127.0.0.1:1"),     at("10.9.0.1:1"),   at("192.0.2.1:1"),
      at("192.168.1.7:1"), at("[2001:db8::1]:1"), at("192.168.2.7:1")};
  const std::vector<Prefix> on_link{*Prefix::parse("192.168.1.0/24")};
  CHECK(usable_candidates(offered, kInside, on_link) ==
        std::vector<Endpoint>{at("192.168.1.7:1"), at("192.0.2.1:1"), at("[2001:db8::1]:1"),
                              at("192.168.2.7:1")});
}

TEST_CASE("candidates: what is offered is ordered by cost, IPv6 first within a kind") {
  Candidates candidates;
  candidates.set_inside(kInside);
  candidates.set_local(addresses({"127.0.0.1", "::1", "192.168.1.5", "198.51.100.7", "fd12::5",
                                  "fe80::5", "2001:db8::5", "100.64.0.9", "fd00:5::9"}),
                       51820);
  candidates.set_configured({at("203.0.113.1:1000")});
  candidates.set_mapped({at("203.0.113.9:40000")});
  candidates.observe(1, at("203.0.113.9:41000"), kStart);
  candidates.observe(2, at("203.0.113.9:41000"), kStart);
  const std::vector<Candidate> expected{
      {at("203.0.113.1:1000"), Kind::configured},
      {at("[2001:db8::5]:51820"), Kind::global},
      {at("198.51.100.7:51820"), Kind::global},
      {at("203.0.113.9:40000"), Kind::mapped},
      {at("203.0.113.9:41000"), Kind::observed},
      {at("[fd12::5]:51820"), Kind::private_network},
      {at("192.168.1.5:51820"), Kind::private_network},
  };
  CHECK(candidates.list() == expected);
}

TEST_CASE("candidates: one endpoint from several places is offered once, as the least cost") {
  Candidates candidates;
  candidates.set_local(addresses({"198.51.100.7"}), 51820);
  candidates.set_mapped({at("198.51.100.7:51820")});
  candidates.observe(1, at("198.51.100.7:51820"), kStart);
  candidates.observe(2, at("198.51.100.7:51820"), kStart);
  REQUIRE(candidates.list().size() == 1);
  CHECK(candidates.list().front().kind == Kind::global);
  CHECK(candidates.is_translated(IpAddress::Family::v4) == false);
}

TEST_CASE("candidates: many addresses of one kind leave the others their place") {
  Candidates candidates;
  std::vector<IpAddress> local = addresses({"192.168.1.5"});
  for (unsigned i = 1; i < 40; ++i) {
    local.push_back(*IpAddress::parse("2001:db8::" + std::to_string(i)));
  }
  candidates.set_local(local, 51820);
  candidates.set_mapped({at("203.0.113.9:40000")});
  const std::string text = endpoints_text(candidates);
  CHECK(candidates.list().size() == Candidates::kMost);
  CHECK(text.find("203.0.113.9:40000") != std::string::npos);
  CHECK(text.find("192.168.1.5:51820") != std::string::npos);
  CHECK(candidates.list().front().endpoint == at("[2001:db8::1]:51820"));
}

TEST_CASE("candidates: one member alone has no say, and two have one only where they agree") {
  Candidates candidates;
  candidates.observe(1, at("203.0.113.9:1"), kStart);
  candidates.observe(1, at("203.0.113.9:1"), kStart + 1s);
  candidates.observe(2, at("203.0.113.9:2"), kStart);
  CHECK(candidates.list().empty());
  CHECK(candidates.is_translated(IpAddress::Family::v4) == std::nullopt);
  candidates.observe(3, at("203.0.113.9:1"), kStart);
  CHECK(endpoints_text(candidates) == "203.0.113.9:1 ");
  CHECK(candidates.is_translated(IpAddress::Family::v4) == true);
  CHECK(candidates.is_translated(IpAddress::Family::v6) == std::nullopt);
  candidates.observe(1, at("[2001:db8::1]:1"), kStart);  // of the other family: the first stands
  CHECK(endpoints_text(candidates) == "203.0.113.9:1 ");
  candidates.forget(3);
  CHECK(candidates.list().empty());
}

TEST_CASE("candidates: observers who see something new outweigh those who saw the old") {
  Candidates candidates;
  for (MemberNumber member = 1; member <= 4; ++member) {
    candidates.observe(member, at("203.0.113.9:1"), kStart);
  }
  candidates.observe(3, at("203.0.113.9:2"), kStart + 5s);
  candidates.observe(4, at("203.0.113.9:2"), kStart + 6s);
  CHECK(endpoints_text(candidates) == "203.0.113.9:2 203.0.113.9:1 ");
}

TEST_CASE("candidates: observations are forgotten with time and bounded in number") {
  Candidates candidates;
  CHECK(candidates.next_deadline() == kFarFuture);
  candidates.observe(1, at("203.0.113.9:1"), kStart);
  candidates.observe(2, at("203.0.113.9:1"), kStart + 10s);
  CHECK(candidates.next_deadline() == kStart + 300s);
  candidates.on_timers(kStart + 299s);
  CHECK(candidates.list().size() == 1);
  candidates.on_timers(kStart + 300s);
  CHECK(candidates.list().empty());
  CHECK(candidates.next_deadline() == kStart + 310s);
  candidates.on_timers(kStart + 310s);
  CHECK(candidates.observers() == 0);
  CHECK(candidates.next_deadline() == kFarFuture);
  for (MemberNumber member = 0; member < 10'000; ++member) {
    candidates.observe(member, at("203.0.113.9:1"), kStart + member * 1ms);
  }
  CHECK(candidates.observers() == Candidates::kMostObservers);
}

// An address from every block that matters, and from none.
Endpoint any_endpoint(std::mt19937_64& engine) {
  static const char* const kBlocks[] = {
      "0.0.0.0",     "127.0.0.1", "10.9.0.0",        "10.0.0.0",   "169.254.0.0", "192.0.2.0",
      "203.0.113.0", "224.0.0.0", "255.255.255.255", "100.64.0.0", "::",          "::1",
      "fe80::",      "fd00:5::",  "fd12::",          "2001:db8::", "ff02::",      "::ffff:0:0"};
  Endpoint endpoint;
  endpoint.address = *IpAddress::parse(kBlocks[engine() % std::size(kBlocks)]);
  if (engine() % 2 == 0) {
    endpoint.address.octets[endpoint.address.bits() / 8 - 1] =
        static_cast<std::uint8_t>(engine() % 4);
  }
  endpoint.port = static_cast<std::uint16_t>(engine() % 3);
  return endpoint;
}

TEST_CASE(
    "candidates: whatever goes in, what comes out is few, usable, ordered and without twins") {
  std::mt19937_64 engine(5);
  for (int round = 0; round < 500; ++round) {
    Candidates candidates;
    candidates.set_inside(kInside);
    const auto many = [&] {
      std::vector<Endpoint> list(engine() % 12);
      for (Endpoint& endpoint : list) endpoint = any_endpoint(engine);
      return list;
    };
    candidates.set_configured(many());
    candidates.set_mapped(many());
    std::vector<IpAddress> local;
    for (const Endpoint& endpoint : many()) local.push_back(endpoint.address);
    candidates.set_local(local, static_cast<std::uint16_t>(engine() % 2));
    std::map<MemberNumber, std::set<Endpoint>> said;
    for (int i = 0; i < 40; ++i) {
      const auto by = static_cast<MemberNumber>(engine() % 5);
      const Endpoint endpoint = any_endpoint(engine);
      said[by].insert(endpoint);
      candidates.observe(by, endpoint, kStart + i * 1ms);
    }
    const std::vector<Candidate> list = candidates.list();
    CHECK(list.size() <= Candidates::kMost);
    std::set<Endpoint> distinct;
    for (std::size_t i = 0; i < list.size(); ++i) {
      CHECK(candidate_fault(list[i].endpoint, kInside) == nullptr);
      CHECK(distinct.insert(list[i].endpoint).second);
      if (i > 0) CHECK(list[i - 1].kind <= list[i].kind);
      if (list[i].kind != Kind::observed) continue;
      const auto by = std::count_if(said.begin(), said.end(), [&](const auto& entry) {
        return entry.second.contains(list[i].endpoint);
      });
      CHECK(by >= 2);
    }
  }
}

}  // namespace
}  // namespace xm
