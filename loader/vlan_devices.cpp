#include "loader/vlan_devices.hpp"

#include <cstddef>
#include <fstream>
#include <optional>
#include <string_view>
#include <utility>

namespace xm {
namespace {

struct VlanDevice {
  std::string name;
  std::string below;
};

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::optional<VlanDevice> parse_line(std::string_view line) {
  // A name may have a bar in it, a tag has none and two bars around it.
  const std::size_t last = line.rfind("| ");
  if (last == std::string_view::npos || last == 0) return std::nullopt;
  const std::size_t first = line.rfind("| ", last - 1);
  if (first == std::string_view::npos) return std::nullopt;
  return VlanDevice{std::string(trimmed(line.substr(0, first))),
                    std::string(trimmed(line.substr(last + 2)))};
}

}  // namespace

std::vector<std::string> vlan_devices_on(const std::string& interface, std::istream& list) {
  std::vector<VlanDevice> devices;
  for (std::string line; std::getline(list, line);) {
    if (auto device = parse_line(line)) devices.push_back(std::move(*device));
  }
  std::vector<std::string> found;
  for (const VlanDevice& outer : devices) {
    if (outer.below != interface) continue;
    found.push_back(outer.name);
    for (const VlanDevice& inner : devices) {
      if (inner.below == outer.name) found.push_back(inner.name);
    }
  }
  return found;
}

std::vector<std::string> vlan_devices_on(const std::string& interface) {
  std::ifstream list("/proc/thread-self/net/vlan/config");
  return vlan_devices_on(interface, list);
}

}  // namespace xm
