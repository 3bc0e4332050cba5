#include "agent/io/routing_rules.hpp"

#include <linux/fib_rules.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <utility>

namespace xm {
namespace {

constexpr std::uint32_t kSuppressPriority = 30000;
constexpr std::uint32_t kTablePriority = 30001;

fib_rule_hdr& compose_rule(RequestBuffer& buffer, nlmsghdr*& message, std::uint16_t type,
                           std::uint16_t flags, std::uint8_t family) {
  auto& header = compose<fib_rule_hdr>(buffer, message, type, flags);
  header.family = family;
  header.action = FR_ACT_TO_TBL;
  mnl_attr_put_u8(message, FRA_PROTOCOL, kRouteProtocol);
  return header;
}

// RTM_NEWRULE or RTM_DELRULE of both: the same words make a rule and name it.
Status change_rules(RouteSocket& socket, std::uint16_t type, std::uint16_t flags,
                    std::uint8_t family, int harmless) {
  const std::string what = std::string(type == RTM_NEWRULE ? "cannot add" : "cannot remove") +
                           " the routing rules for a default route";
  const auto request = [&](nlmsghdr& message) {
    Status done = socket.request(message, what);
    return !done && done.error().os_errno == harmless ? Status() : done;
  };
  nlmsghdr* message = nullptr;
  alignas(nlmsghdr) RequestBuffer main{};
  compose_rule(main, message, type, flags, family).table = RT_TABLE_MAIN;
  mnl_attr_put_u32(message, FRA_PRIORITY, kSuppressPriority);
  mnl_attr_put_u32(message, FRA_TABLE, RT_TABLE_MAIN);
  mnl_attr_put_u32(message, FRA_SUPPRESS_PREFIXLEN, 0);
  if (Status done = request(*message); !done) return done;

  alignas(nlmsghdr) RequestBuffer own{};
  compose_rule(own, message, type, flags, family).flags = FIB_RULE_INVERT;
  mnl_attr_put_u32(message, FRA_PRIORITY, kTablePriority);
  mnl_attr_put_u32(message, FRA_FWMARK, kOwnMark);
  mnl_attr_put_u32(message, FRA_FWMASK, UINT32_MAX);
  mnl_attr_put_u32(message, FRA_TABLE, kDefaultRouteTable);
  return request(*message);
}

// Of whoever's making. What cannot be listed is taken for empty: a kernel without this family.
bool table_is_empty(RouteSocket& socket, std::uint8_t family) {
  alignas(nlmsghdr) RequestBuffer buffer{};
  nlmsghdr* message = nullptr;
  compose<rtmsg>(buffer, message, RTM_GETROUTE, NLM_F_DUMP).rtm_family = family;
  mnl_attr_put_u32(message, RTA_TABLE, kDefaultRouteTable);
  bool is_empty = true;
  (void)socket.request(*message, "cannot list routes", [&](const nlmsghdr& answer, std::int32_t) {
    if (answer.nlmsg_type != RTM_NEWROUTE) return;
    for_each_attribute(answer, sizeof(rtmsg), [&](const nlattr& attribute) {
      if (mnl_attr_get_type(&attribute) != RTA_TABLE) return;
      if (read_number<std::uint32_t>(attribute) == kDefaultRouteTable) is_empty = false;
    });
  });
  return is_empty;
}

int read_sysctl(const std::filesystem::path& path) {
  int value = 0;
  std::ifstream(path) >> value;
  return value;
}

}  // namespace

Status add_default_rules(RouteSocket& socket, std::uint8_t family) {
  return change_rules(socket, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, family, EEXIST);
}

Status remove_default_rules(RouteSocket& socket, std::uint8_t family) {
  if (!table_is_empty(socket, family)) return {};
  Status removed = change_rules(socket, RTM_DELRULE, 0, family, ENOENT);
  return !removed && lacks_family(removed) ? Status() : removed;
}

std::vector<std::string> strict_reverse_paths(const std::string& sysctls,
                                              const std::string& tunnel) {
  constexpr int kStrict = 1;
  const int all = read_sysctl(std::filesystem::path(sysctls) / "all/rp_filter");
  std::vector<std::string> strict;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(sysctls, ignored)) {
    const std::string name = entry.path().filename();
    if (name == "all" || name == "default" || name == "lo" || name == tunnel) continue;
    // The larger of both counts.
    if (std::max(all, read_sysctl(entry.path() / "rp_filter")) == kStrict) strict.push_back(name);
  }
  std::sort(strict.begin(), strict.end());
  return strict;
}

}  // namespace xm
