// libxdp's dispatcher: several XDP programs on one interface, in order of priority. Ours runs with
// priority 50 and hands on what it passes. libxdp pins dispatcher and programs itself, under
// /sys/fs/bpf/xdp. Inside loader/ only.
//
// libxdp falls back to a program alone when the kernel refuses program extensions, which would
// take the place that a dispatcher could be in: dispatcher_obstacle() is asked first.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loader/attach_report.hpp"
#include "loader/attached_programs.hpp"
#include "loader/steer_program.hpp"
#include "xdpmesh/fd.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// Why this kernel does not let programs be put into others; nothing when it does.
[[nodiscard]] std::optional<std::string> dispatcher_obstacle();

// The programs of the dispatcher of this number on this interface, in order, as libxdp pins them
// (/sys/fs/bpf/xdp/dispatch-IFINDEX-NUMBER/progN-prog); empty when its pins are not to be seen.
[[nodiscard]] std::vector<AttachedProgram> dispatcher_members(std::uint32_t ifindex,
                                                              std::uint32_t dispatcher_id,
                                                              AttachMode mode);

// Adds the program, over the same maps, as a program of its own: its descriptor.
[[nodiscard]] Result<Fd> add_to_dispatcher(const SteerProgram& program, std::uint32_t ifindex,
                                           AttachMode mode);

// Takes a program out; the dispatcher goes with its last one. That it is not there is no error.
[[nodiscard]] Status remove_from_dispatcher(std::uint32_t program_id, std::uint32_t ifindex);

// Removes libxdp's pins for interfaces that are gone.
void clean_dispatcher_pins(std::uint32_t ifindex);

}  // namespace xm
