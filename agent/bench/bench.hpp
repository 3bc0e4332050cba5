// `xdp-mesh bench`: xdp-mesh and whatever else is on the machine, measured side by side.
#pragma once

#include "agent/ctl/bench_options.hpp"

namespace xm {

// Measures and prints the report on stdout, progress and complaints on stderr; writes the files
// that the options name. Returns the exit code: 0, 1 when it could not measure, 130 when
// interrupted (the report then has what was measured until then).
//
// `own_help` is the text of `xdp-mesh --help`: which options this build's agent has. Only while the
// process has one thread.
[[nodiscard]] int run_bench(const BenchOptions& options, const std::string& own_help);

}  // namespace xm
