// The VLAN devices on top of an interface: what comes to them the interface's XDP program sees,
// with its tags.
#pragma once

#include <istream>
#include <string>
#include <vector>

namespace xm {

// Names of the VLAN devices on `interface`, and of those on them: as many tags as the program
// reads. `list` is what the kernel says of a network namespace's (/proc/net/vlan/config: two lines
// of headings, then "name | tag | name of the device below" each); other lines are passed over.
[[nodiscard]] std::vector<std::string> vlan_devices_on(const std::string& interface,
                                                       std::istream& list);

// The same of this thread's network namespace; empty where the kernel has no VLANs.
[[nodiscard]] std::vector<std::string> vlan_devices_on(const std::string& interface);

}  // namespace xm
