#include "agent/ctl/attach.hpp"

#include <net/if.h>

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "agent/ctl/printable.hpp"
#include "agent/io/xsk_setup.hpp"
#include "xdpmesh/abi.h"

namespace xm {
namespace {

template <typename T, std::size_t N>
using Names = std::array<std::pair<T, std::string_view>, N>;

constexpr Names<AttachMode, 3> kModes{{{AttachMode::automatic, "auto"},
                                       {AttachMode::native, "native"},
                                       {AttachMode::generic, "generic"}}};
constexpr Names<ReceiveChoice, 3> kReceiveChoices{{{ReceiveChoice::automatic, "auto"},
                                                   {ReceiveChoice::xdp, "xdp"},
                                                   {ReceiveChoice::socket, "socket"}}};
constexpr Names<ZeroCopyChoice, 3> kZeroCopies{{{ZeroCopyChoice::automatic, "auto"},
                                                {ZeroCopyChoice::yes, "yes"},
                                                {ZeroCopyChoice::no, "no"}}};

template <typename T, std::size_t N>
std::string_view name_in(const Names<T, N>& names, T value) {
  for (const auto& [each, name] : names) {
    if (each == value) return name;
  }
  return {};
}

template <typename T, std::size_t N>
std::optional<T> value_in(const Names<T, N>& names, std::string_view wanted) {
  for (const auto& [value, name] : names) {
    if (name == wanted) return value;
  }
  return std::nullopt;
}

std::string range_fault(std::string_view member, std::uint32_t value, std::uint32_t least,
                        std::uint32_t most) {
  if (value >= least && value <= most) return {};
  return std::string(member) + ": expected a number from " + std::to_string(least) + " to " +
         std::to_string(most) + ", got " + std::to_string(value);
}

std::string entries_fault(std::string_view member, std::uint32_t value,
                          std::uint32_t least = kLeastRing) {
  if (value >= least && value <= kMostRing && std::has_single_bit(value)) return {};
  return std::string(member) + ": expected a power of two from " + std::to_string(least) + " to " +
         std::to_string(kMostRing) + ", got " + std::to_string(value);
}

}  // namespace

std::optional<AttachMode> parse_attach_mode(std::string_view name) {
  return value_in(kModes, name);
}
std::string_view receive_choice_name(ReceiveChoice choice) {
  return name_in(kReceiveChoices, choice);
}
std::optional<ReceiveChoice> parse_receive_choice(std::string_view name) {
  return value_in(kReceiveChoices, name);
}
std::string_view zero_copy_name(ZeroCopyChoice choice) {
  return name_in(kZeroCopies, choice);
}
std::optional<ZeroCopyChoice> parse_zero_copy(std::string_view name) {
  return value_in(kZeroCopies, name);
}

std::string attach_request_fault(const AttachRequest& request) {
  if (const std::string fault = interface_name_fault(request.interface); !fault.empty()) {
    return "interface: " + printable(request.interface) + " is no name for one: " + fault;
  }
  if (const auto chunk = request.chunk_size; chunk && *chunk != 2048 && *chunk != 4096) {
    return "chunk_size: expected auto, 2048 or 4096, got " + std::to_string(*chunk);
  }
  if (request.zero_copy == ZeroCopyChoice::yes && request.mode == AttachMode::generic) {
    return "zero_copy: expected auto or no with mode generic, which always copies, got yes";
  }
  for (std::string fault : {range_fault("queues", request.queues.value_or(1), 1, XM_MAX_QUEUES),
                            entries_fault("chunks", request.chunks, kFewestChunks),
                            entries_fault("rx_ring", request.rx_ring.value_or(kLeastRing)),
                            entries_fault("fill_ring", request.fill_ring.value_or(kLeastRing)),
                            range_fault("busy_poll_microseconds", request.busy_poll_microseconds, 0,
                                        kMostBusyPollMicroseconds)}) {
    if (!fault.empty()) return fault;
  }
  return {};
}

std::string interface_name_fault(std::string_view name) {
  if (name.empty() || name.size() >= IF_NAMESIZE) return "it must have 1 to 15 bytes";
  if (name == "." || name == "..") return "the kernel reserves it";
  const auto forbidden = [](char c) {
    return c == '/' || c == ':' || c == '%' || static_cast<unsigned char>(c) <= ' ' || c == 0x7f;
  };
  if (std::any_of(name.begin(), name.end(), forbidden)) {
    return "it must not contain /, :, %, spaces or control characters";
  }
  return {};
}

}  // namespace xm
