// What the kernel refused, and what it would take: Errors of bpf(2) and its kin.
#pragma once

#include <initializer_list>
#include <string>

#include "xdpmesh/result.hpp"

namespace xm {

// "WHAT: reason"; where permission was missing it names those of the `needed` capabilities (numbers
// of <linux/capability.h>) that this thread lacks. `error` is positive.
[[nodiscard]] Error refusal(std::string what, int error, std::initializer_list<unsigned> needed);
// The same of an object that libbpf fits to the kernel's types (CO-RE) and loads.
[[nodiscard]] Error load_refusal(std::string what, int error,
                                 std::initializer_list<unsigned> needed);

}  // namespace xm
