#include "agent/cli/attach_arguments.hpp"

#include <charconv>
#include <optional>
#include <utility>

#include "agent/ctl/printable.hpp"

namespace xm {
namespace {

struct AttachOption {
  std::string_view name;    // here
  std::string_view member;  // of AttachRequest, by which attach_request_fault() calls it
  const char* type;
  const char* help;
  // Returns what was expected when the value is none; numbers are judged by
  // attach_request_fault().
  std::string (*set)(AttachRequest& request, std::string_view value);
};

std::optional<std::uint32_t> number_from(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

template <std::uint32_t AttachRequest::*member>
std::string set_number(AttachRequest& request, std::string_view value) {
  const auto number = number_from(value);
  if (!number) return "a number";
  request.*member = *number;
  return {};
}

template <std::optional<std::uint32_t> AttachRequest::*member>
std::string set_number_or_auto(AttachRequest& request, std::string_view value) {
  const auto number = number_from(value);
  if (!number && value != "auto") return "a number or auto";
  request.*member = number;
  return {};
}

template <auto member, auto parse>
std::string set_word(AttachRequest& request, std::string_view value, const char* expected) {
  const auto parsed = parse(value);
  if (!parsed) return expected;
  request.*member = *parsed;
  return {};
}

constexpr std::array<AttachOption, AttachArguments::kCount> kOptions{{
    {"mode", "mode", "MODE",
     "Where the kernel runs the program: auto (default;\nnative, else generic), native, generic",
     [](AttachRequest& request, std::string_view value) {
       return set_word<&AttachRequest::mode, parse_attach_mode>(request, value,
                                                                "auto, native or generic");
     }},
    {"rx", "rx", "PATH",
     "How data messages come: auto (default; by ability\nand measurement), xdp, socket",
     [](AttachRequest& request, std::string_view value) {
       return set_word<&AttachRequest::rx, parse_receive_choice>(request, value,
                                                                 "auto, xdp or socket");
     }},
    {"queues", "queues", "N", "The first N receive queues, or auto (default): all",
     set_number_or_auto<&AttachRequest::queues>},
    {"zerocopy", "zero_copy", "WHEN", "auto (default; where the driver can), yes (or fail),\nno",
     [](AttachRequest& request, std::string_view value) {
       return set_word<&AttachRequest::zero_copy, parse_zero_copy>(request, value,
                                                                   "auto, yes or no");
     }},
    {"chunks", "chunks", "N", "Buffers a queue, a power of two from 128 (default: 2048)",
     set_number<&AttachRequest::chunks>},
    {"rx-ring", "rx_ring", "N",
     "Entries of a queue's receive ring, a power of two\n"
     "(default: auto, as many as chunks)",
     set_number_or_auto<&AttachRequest::rx_ring>},
    {"fill-ring", "fill_ring", "N", "The same of its fill ring",
     set_number_or_auto<&AttachRequest::fill_ring>},
    {"chunk-size", "chunk_size", "BYTES", "2048, 4096 or auto (default): by the MTU",
     set_number_or_auto<&AttachRequest::chunk_size>},
    {"busy-poll", "busy_poll_microseconds", "US",
     "Microseconds for which the worker polls the card\n(default: 0, off)",
     set_number<&AttachRequest::busy_poll_microseconds>},
}};

std::string names_of_options() {
  std::string names;
  for (const AttachOption& option : kOptions) {
    names += (names.empty() ? "" : ", ") + std::string(option.name);
  }
  return names;
}

Status set_option(AttachRequest& request, const AttachOption& option, std::string_view value) {
  const std::string expected = option.set(request, value);
  if (expected.empty()) return {};
  return Error{std::string(option.name) + ": expected " + expected + ", got " + printable(value)};
}

// The request, or its fault under the names of this file.
Result<AttachRequest> judged(AttachRequest request) {
  std::string fault = attach_request_fault(request);
  for (const AttachOption& option : kOptions) {
    if (fault.starts_with(std::string(option.member) + ":")) {
      fault.replace(0, option.member.size(), option.name);
      break;
    }
  }
  if (!fault.empty()) return Error{std::move(fault)};
  return request;
}

}  // namespace

void AttachArguments::add_to(CLI::App& app) {
  for (std::size_t i = 0; i < kOptions.size(); ++i) {
    app.add_option("--" + std::string(kOptions[i].name), values_[i], kOptions[i].help)
        ->type_name(kOptions[i].type);
  }
}

Result<AttachRequest> AttachArguments::take(const std::string& interface) const {
  AttachRequest request;
  request.interface = interface;
  for (std::size_t i = 0; i < kOptions.size(); ++i) {
    if (values_[i].empty()) continue;
    if (Status set = set_option(request, kOptions[i], values_[i]); !set) return set.error();
  }
  return judged(std::move(request));
}

Result<AttachRequest> parse_attach_word(std::string_view word) {
  AttachRequest request;
  std::size_t comma = word.find(',');
  request.interface = word.substr(0, comma);
  while (comma != std::string_view::npos) {
    word.remove_prefix(comma + 1);
    comma = word.find(',');
    const std::string_view part = word.substr(0, comma);
    const std::size_t equals = part.find('=');
    const std::string_view name = part.substr(0, equals);
    const AttachOption* found = nullptr;
    for (const AttachOption& option : kOptions) {
      if (option.name == name) found = &option;
    }
    if (found == nullptr || equals == std::string_view::npos) {
      return Error{"expected IF or IF,NAME=VALUE,... with a name of " + names_of_options() +
                   ", got " + printable(part)};
    }
    if (Status set = set_option(request, *found, part.substr(equals + 1)); !set) {
      return set.error();
    }
  }
  return judged(std::move(request));
}

}  // namespace xm
