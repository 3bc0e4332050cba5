// What is wrong with a node or its surroundings, as people are told.
#include <algorithm>
#include <cstdlib>

#include "agent/mesh/mesh.hpp"

namespace xm {
namespace {

constexpr Duration kDuplicateReported = 600s;
constexpr std::int64_t kSkewReported = 300;  // seconds

}  // namespace

std::optional<std::int64_t> Mesh::skew_of(const Identity& member) const {
  const auto known = skews_.find(member);
  if (known == skews_.end()) return std::nullopt;
  return known->second;
}

std::optional<std::int64_t> Mesh::skew() const {
  if (skews_.empty()) return std::nullopt;
  std::vector<std::int64_t> all;
  for (const auto& [identity, skew] : skews_) all.push_back(skew);
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
  std::nth_element(all.begin(), middle, all.end());
  return -*middle;
}

std::vector<std::string> Mesh::faults() const {
  std::vector<std::string> faults = trust_faults_;
  if (authority_.trust().is_empty()) {
    faults.emplace_back(
        "nobody is trusted, so nobody can join: xdp-mesh trust KEY on this machine, and this "
        "node's key on theirs");
  }
  if (!record_fault_.empty())
    faults.push_back("this node's record is not renewed: " + record_fault_);
  if (const std::string fault = own_.certificate_fault(authority_.trust(), authority_.time());
      !fault.empty()) {
    faults.push_back(fault);
  }
  if (!authority_.fault().empty()) faults.push_back(authority_.fault());
  if (!duplicate_at_.is_never() && now_ - duplicate_at_ < kDuplicateReported) {
    faults.emplace_back(
        "duplicate identity: another node runs with this node's key; give one of them its own "
        "(xdp-mesh keygen)");
  }
  if (const auto ahead = skew(); ahead && std::abs(*ahead) > kSkewReported) {
    faults.push_back("this machine's clock is " + std::to_string(std::abs(*ahead)) + " s " +
                     (*ahead > 0 ? "ahead of" : "behind") +
                     " the members' median: set it (timedatectl)");
  }
  for (const AddressConflict& conflict : roster_.conflicts()) {
    faults.push_back(conflict.prefix.to_string() +
                     " is wanted by two: " + conflict.owner.short_text() + " has it, " +
                     conflict.loser.short_text() + " has not");
  }
  return faults;
}

}  // namespace xm
