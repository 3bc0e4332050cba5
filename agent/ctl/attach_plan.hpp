// What an attach would do, from what is known beforehand: for `attach --dry-run` and `doctor`.
//
// The kernel has the last word: a step that is "done" here is one that nothing known speaks
// against, and its reason says what happens when the kernel refuses all the same. Pure.
#pragma once

#include <string>

#include "agent/ctl/attach.hpp"
#include "loader/interface_facts.hpp"

namespace xm {

[[nodiscard]] AttachReply plan_attach(const AttachRequest& request, const InterfaceFacts& interface,
                                      const LoaderFacts& loader);

// The facts for people, "  label: value" a line.
[[nodiscard]] std::string facts_text(const InterfaceFacts& interface);
[[nodiscard]] std::string facts_text(const LoaderFacts& loader);

// What a person has to know who puts a firewall or tcpdump on the same interface.
[[nodiscard]] std::string bypass_text();

// "eth0: would be attached" and a line a step.
[[nodiscard]] std::string plan_text(const AttachReply& plan);

}  // namespace xm
