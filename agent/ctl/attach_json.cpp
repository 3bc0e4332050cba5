// Requests and reports as the control socket's lines.
#include <initializer_list>
#include <nlohmann/json.hpp>

#include "agent/ctl/attach.hpp"
#include "agent/ctl/attachment_json.hpp"
#include "agent/ctl/printable.hpp"
#include "agent/ctl/status.hpp"

namespace xm {
namespace {

using Json = nlohmann::ordered_json;

// What came, for an error.
std::string describe(const Json& value) {
  switch (value.type()) {
    case Json::value_t::string:
      return printable(value.get_ref<const std::string&>());
    case Json::value_t::object:
      return "an object";
    case Json::value_t::array:
      return "an array";
    case Json::value_t::null:
      return "null";
    default:
      return value.dump();  // a number, true or false
  }
}

Error mistyped(const std::string& member, const std::string& expected, const Json& value) {
  return Error{member + ": expected " + expected + ", got " + describe(value)};
}

// The members of a request but "request", one by one; remembers the first fault.
class Members {
 public:
  explicit Members(std::string_view line)
      : object_(Json::parse(line, nullptr, /*allow_exceptions=*/false)) {}

  void text(const char* member, std::string& value) {
    const Json* const found = take(member);
    if (found == nullptr) return;
    if (!found->is_string()) return fail(mistyped(member, "a text", *found));
    value = found->get<std::string>();
  }

  void flag(const char* member, bool& value) {
    const Json* const found = take(member);
    if (found == nullptr) return;
    if (!found->is_boolean()) return fail(mistyped(member, "true or false", *found));
    value = found->get<bool>();
  }

  void number(const char* member, std::uint32_t& value) {
    const Json* const found = take(member);
    if (found == nullptr) return;
    if (!is_number(*found)) return fail(mistyped(member, "a number", *found));
    value = found->get<std::uint32_t>();
  }

  void number_or_auto(const char* member, std::optional<std::uint32_t>& value) {
    const Json* const found = take(member);
    if (found == nullptr || *found == "auto") return;
    if (!is_number(*found)) return fail(mistyped(member, "a number or \"auto\"", *found));
    value = found->get<std::uint32_t>();
  }

  template <typename T>
  void word(const char* member, const char* expected, std::optional<T> (*parse)(std::string_view),
            T& value) {
    const Json* const found = take(member);
    if (found == nullptr) return;
    const auto parsed =
        found->is_string() ? parse(found->get_ref<const std::string&>()) : std::nullopt;
    if (!parsed) return fail(mistyped(member, expected, *found));
    value = *parsed;
  }

  // Once all have been asked for: an error for the first fault, or for a member that nobody knows.
  [[nodiscard]] Status finish() {
    if (!object_.is_object()) return Error{"expected a JSON object, got " + describe(object_)};
    for (const auto& [member, value] : object_.items()) {
      if (member == "request" || known_.find(" " + member + ",") != std::string::npos) continue;
      if (known_.empty()) return Error{"unknown member " + printable(member) + ": expected none"};
      known_.pop_back();
      return Error{"unknown member " + printable(member) + ": expected one of" + known_};
    }
    return fault_;
  }

 private:
  static bool is_number(const Json& value) {
    return value.is_number_unsigned() && value.get<std::uint64_t>() <= UINT32_MAX;
  }

  const Json* take(const char* member) {
    known_ += std::string(" ") + member + ",";
    if (!object_.is_object()) return nullptr;
    const auto found = object_.find(member);
    return found == object_.end() ? nullptr : &*found;
  }
  void fail(Error error) {
    if (fault_.ok()) fault_ = std::move(error);
  }

  Json object_;
  std::string known_;
  Status fault_;
};

template <typename T>
Json number_or_auto(const std::optional<T>& number) {
  return number ? Json(*number) : Json("auto");
}

}  // namespace

std::string attach_request_json(const AttachRequest& request) {
  return one_line({{"request", "attach"},
                   {"interface", request.interface},
                   {"mode", attach_mode_name(request.mode)},
                   {"rx", receive_choice_name(request.rx)},
                   {"queues", number_or_auto(request.queues)},
                   {"zero_copy", zero_copy_name(request.zero_copy)},
                   {"chunks", request.chunks},
                   {"rx_ring", number_or_auto(request.rx_ring)},
                   {"fill_ring", number_or_auto(request.fill_ring)},
                   {"chunk_size", number_or_auto(request.chunk_size)},
                   {"busy_poll_microseconds", request.busy_poll_microseconds},
                   {"dry_run", request.dry_run}});
}

std::string detach_request_json(std::string_view interface) {
  return one_line({{"request", "detach"}, {"interface", interface}});
}

Result<AttachRequest> parse_attach_request(std::string_view line) {
  AttachRequest request;
  Members members(line);
  members.text("interface", request.interface);
  members.word("mode", "\"auto\", \"native\" or \"generic\"", parse_attach_mode, request.mode);
  members.word("rx", "\"auto\", \"xdp\" or \"socket\"", parse_receive_choice, request.rx);
  members.number_or_auto("queues", request.queues);
  members.word("zero_copy", "\"auto\", \"yes\" or \"no\"", parse_zero_copy, request.zero_copy);
  members.number("chunks", request.chunks);
  members.number_or_auto("rx_ring", request.rx_ring);
  members.number_or_auto("fill_ring", request.fill_ring);
  members.number_or_auto("chunk_size", request.chunk_size);
  members.number("busy_poll_microseconds", request.busy_poll_microseconds);
  members.flag("dry_run", request.dry_run);
  if (Status read = members.finish(); !read) return read.error();
  if (std::string fault = attach_request_fault(request); !fault.empty()) {
    return Error{std::move(fault)};
  }
  return request;
}

Result<std::string> parse_detach_request(std::string_view line) {
  std::string interface;
  Members members(line);
  members.text("interface", interface);
  if (Status read = members.finish(); !read) return read.error();
  if (const std::string fault = interface_name_fault(interface); !fault.empty()) {
    return Error{"interface: " + printable(interface) + " is no name for one: " + fault};
  }
  return interface;
}

Status check_no_members(std::string_view line) {
  return Members(line).finish();
}

std::string attach_reply_json(const AttachReply& report) {
  return one_line({{"schema_version", kStatusSchemaVersion},
                   {"attach",
                    {{"interface", report.interface},
                     {"dry_run", report.dry_run},
                     {"attached", report.attached},
                     {"steps", steps_to_json(report.steps)}}}});
}

std::string detach_reply_json(const DetachReply& report) {
  return one_line(
      {{"schema_version", kStatusSchemaVersion},
       {"detach", {{"interface", report.interface}, {"steps", steps_to_json(report.steps)}}}});
}

}  // namespace xm
