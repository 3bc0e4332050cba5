// What libbpf and libxdp would print on stderr, caught: the last warning is often the only place
// where the kernel's own words (netlink's extended acknowledgement) stand. Inside loader/ only.
#pragma once

#include <string>

namespace xm {

// From now on both are silent, for the whole process.
void catch_library_messages();

// This thread's last warning since the last call, one line without its prefix; empty if none.
std::string take_library_message();

}  // namespace xm
