// Putting the XDP program on a network interface, as the command line and the control socket ask
// for it and as the node answers: values, their JSON and their text.
//
// The JSON's members are named and measured as those of the structs. A request is one line,
//
//   {"request":"attach","interface":"eth0","mode":"auto","rx":"auto","queues":"auto", ...}
//   {"request":"detach","interface":"eth0"}
//
// whose members but "request" and "interface" may be left out; docs/control-socket.md has them all.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loader/attach_report.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// Where data messages are received: on AF_XDP sockets or on the kernel's UDP socket.
enum class ReceiveChoice : std::uint8_t { automatic, xdp, socket };  // "auto", "xdp", "socket"

// "yes" makes copy mode an error instead of a fallback.
enum class ZeroCopyChoice : std::uint8_t { automatic, yes, no };  // "auto", "yes", "no"

struct AttachRequest {
  std::string interface;  // a name that interface_name_fault() has nothing against
  AttachMode mode = AttachMode::automatic;
  ReceiveChoice rx = ReceiveChoice::automatic;
  std::optional<std::uint32_t> queues;  // receive queues 0 to N-1; none ("auto"): all of them
  ZeroCopyChoice zero_copy = ZeroCopyChoice::automatic;
  // Of each queue's UMEM and rings: entries, powers of two.
  std::uint32_t chunks = 2048;
  std::optional<std::uint32_t> rx_ring;      // none ("auto"): room for all chunks
  std::optional<std::uint32_t> fill_ring;    // the same
  std::optional<std::uint32_t> chunk_size;   // bytes, 2048 or 4096; none ("auto"): by the MTU
  std::uint32_t busy_poll_microseconds = 0;  // SO_BUSY_POLL and SO_PREFER_BUSY_POLL; 0: off
  bool dry_run = false;                      // only say what would happen
};

// Entries of a ring; of chunks there are kFewestChunks (agent/io/xsk_setup.hpp) at least.
inline constexpr std::uint32_t kLeastRing = 64;
inline constexpr std::uint32_t kMostRing = 32768;
inline constexpr std::uint32_t kMostBusyPollMicroseconds = 1'000'000;

// What attach did or, with dry_run, would do.
struct AttachReply {
  std::string interface;
  bool dry_run = false;
  bool attached = false;          // the program is on the interface; with dry_run: it would be
  std::vector<AttachStep> steps;  // of the loader, then of the sockets; in the order of trying
};

// What detach did.
struct DetachReply {
  std::string interface;
  std::vector<AttachStep> steps;
};

[[nodiscard]] std::optional<AttachMode> parse_attach_mode(std::string_view name);
[[nodiscard]] std::string_view receive_choice_name(ReceiveChoice choice);
[[nodiscard]] std::optional<ReceiveChoice> parse_receive_choice(std::string_view name);
[[nodiscard]] std::string_view zero_copy_name(ZeroCopyChoice choice);
[[nodiscard]] std::optional<ZeroCopyChoice> parse_zero_copy(std::string_view name);

// What is wrong with the numbers and the name of a request, as "MEMBER: expected ..., got ...";
// empty when nothing is.
[[nodiscard]] std::string attach_request_fault(const AttachRequest& request);

// Why the kernel would not take this as the name of an interface; empty when it would.
[[nodiscard]] std::string interface_name_fault(std::string_view name);

// The request's line, without its end; every member is written.
[[nodiscard]] std::string attach_request_json(const AttachRequest& request);
[[nodiscard]] std::string detach_request_json(std::string_view interface);

// From such lines, whatever comes: JSON of another shape, an unknown member or one of a wrong type
// or value is an error that says what was expected and what came.
[[nodiscard]] Result<AttachRequest> parse_attach_request(std::string_view line);
[[nodiscard]] Result<std::string> parse_detach_request(std::string_view line);
// A request that takes nothing: an error when it has a member besides "request".
[[nodiscard]] Status check_no_members(std::string_view line);

// The control socket's reply lines, without their ends.
[[nodiscard]] std::string attach_reply_json(const AttachReply& report);
[[nodiscard]] std::string detach_reply_json(const DetachReply& report);

// The text for people, from a line of attach_reply_json() or detach_reply_json(). An error when
// the line is none, or is the agent's {"error": ...}.
struct ReportText {
  std::string text;  // with its final newline
  bool success = false;
};
[[nodiscard]] Result<ReportText> attach_reply_text(std::string_view json);
[[nodiscard]] Result<ReportText> detach_reply_text(std::string_view json);

}  // namespace xm
