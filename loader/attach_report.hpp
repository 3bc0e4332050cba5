// What attaching to an interface tried, what the kernel said, and what came of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace xm {

// What may be asked for.
enum class AttachMode : std::uint8_t { automatic, native, generic };
enum class AttachVia : std::uint8_t { automatic, dispatcher, link, netlink };

// "auto", "native", …
[[nodiscard]] constexpr std::string_view attach_mode_name(AttachMode mode) {
  switch (mode) {
    case AttachMode::automatic:
      return "auto";
    case AttachMode::native:
      return "native";
    case AttachMode::generic:
      return "generic";
  }
  return "";
}
[[nodiscard]] constexpr std::string_view attach_via_name(AttachVia via) {
  switch (via) {
    case AttachVia::automatic:
      return "auto";
    case AttachVia::dispatcher:
      return "dispatcher";
    case AttachVia::link:
      return "link";
    case AttachVia::netlink:
      return "netlink";
  }
  return "";
}

// One step: "native, through a BPF link"; `reason` is the kernel's when it was refused, and may
// explain a step that was taken.
struct AttachStep {
  std::string what;
  bool taken = false;
  std::string reason;

  // "native, through a BPF link: refused: Operation not supported".
  [[nodiscard]] std::string to_string() const {
    std::string text = what + (taken ? "" : ": refused");
    if (!reason.empty()) text += ": " + reason;
    return text;
  }
};

struct AttachReport {
  std::vector<AttachStep> steps;  // in the order in which they were tried

  // Of an attachment that succeeded: what is now. Never `automatic`.
  AttachMode mode = AttachMode::automatic;
  AttachVia via = AttachVia::automatic;
  bool frags = false;         // loaded for packets of several buffers
  bool adopted = false;       // a predecessor's link or place in the dispatcher went on
  bool adopted_maps = false;  // … and its maps
  std::uint32_t program_id = 0;
  std::uint32_t link_id = 0;  // of a BPF link, else 0
  std::string program_tag;
  std::string pins;  // the folder, empty when there is no bpffs

  void took(std::string what, std::string reason = {}) {
    steps.push_back({std::move(what), true, std::move(reason)});
  }
  void refused(std::string what, std::string reason) {
    steps.push_back({std::move(what), false, std::move(reason)});
  }
};

}  // namespace xm
