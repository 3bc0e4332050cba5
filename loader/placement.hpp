// How a program is held on an interface, and how it gets there and off again. Inside loader/ only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loader/attach_report.hpp"
#include "loader/attached_programs.hpp"
#include "loader/pins.hpp"
#include "loader/steer_program.hpp"
#include "xdpmesh/fd.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

struct Placement {
  AttachVia via = AttachVia::automatic;
  AttachMode mode = AttachMode::automatic;
  std::uint32_t ifindex = 0;
  std::uint32_t program_id = 0;  // what runs: the dispatcher has a copy of its own
  std::string tag;
  Fd link;     // where it is a BPF link
  Fd program;  // what runs, where it is not the SteerProgram itself and may be opened
};

// "native, through a BPF link".
[[nodiscard]] std::string describe(AttachVia via, AttachMode mode);

// Puts the program where none is (or beside the dispatcher's others). `via` and `mode` are not
// automatic. Never takes the place of another program.
[[nodiscard]] Result<Placement> place(const SteerProgram& program, std::uint32_t ifindex,
                                      AttachVia via, AttachMode mode);

// Puts the program in the place of a predecessor's, in one step of the kernel's, or two with the
// dispatcher, where both run for a moment.
[[nodiscard]] Status replace(Placement& predecessor, const SteerProgram& program);

// Takes the program off. That it, or the interface, is gone is no error.
[[nodiscard]] Status take_off(Placement& placement);

[[nodiscard]] bool in_place(const Placement& placement);

// What is on an interface: at most one of ours, and the others. A dispatcher that runs others is
// among the others, and ours may be in it.
struct Residents {
  std::optional<Placement> ours;
  std::vector<AttachedProgram> others;
};

// Ours is what our pins hold, what uses a map that they hold, and what has our name: the caller
// has the interface's lock, so no living agent owns it. `pins` may be null.
[[nodiscard]] Result<Residents> residents(std::uint32_t ifindex, const Pins* pins);

}  // namespace xm
