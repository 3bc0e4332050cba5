// Completions for the shells.
#pragma once

#include <string_view>

#include "agent/cli/options.hpp"

namespace xm {

// A script for `eval`, or for the shell's folder of completions.
[[nodiscard]] std::string_view completion_script(Shell shell);

}  // namespace xm
