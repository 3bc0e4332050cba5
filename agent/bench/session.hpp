// One run from the plan to the report, inside the containment.
#pragma once

#include "agent/bench/contestant.hpp"
#include "agent/bench/interrupts.hpp"
#include "agent/bench/report.hpp"
#include "agent/ctl/bench_options.hpp"

namespace xm::bench {

// Runs the plan. What fails is in the report: a contestant that does not start is left out from
// then on, a row that fails is missing for that round. An interrupt ends the run and is noted in
// the report. An error when there is no lab to measure in.
//
// `prefix` begins the names of the interfaces.
[[nodiscard]] Result<Report> run_session(const BenchOptions& options, const Field& field,
                                         bool ping_is_there, const std::string& prefix);

}  // namespace xm::bench
