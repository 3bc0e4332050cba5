#include <algorithm>

#include "agent/ctl/attach.hpp"
#include "agent/ctl/attachment_status.hpp"
#include "agent/ctl/json_text.hpp"
#include "xdpmesh/counters.hpp"

namespace xm {
namespace {

// "native, link, program 17 (tag 0123...), pinned in /sys/fs/bpf/xdp-mesh/eth0"
std::string program_line(const Json& program) {
  const std::string mode = show(program, "mode");
  if (mode.empty()) return "not attached";
  std::string line = mode + ", by " + show_or(program, "via", "unknown means");
  if (const std::string id = show(program, "id"); !id.empty()) line += ", program " + id;
  if (const std::string tag = show(program, "tag"); !tag.empty()) line += ", tag " + tag;
  if (const std::string pins = show(program, "pins"); !pins.empty()) line += ", pins in " + pins;
  if (is_true(program, "adopted")) line += ", adopted";
  return line;
}

// "3 of 2048"
std::string ring_line(const Json& ring) {
  return show_or(ring, "level", "?") + " of " + show_or(ring, "size", "?");
}

void queue_text(Text& text, const Json& queue) {
  const std::string mode = show_or(queue, "mode", "none");
  std::string line = mode == "none" ? "no AF_XDP socket" : mode;
  line += in_brackets(show(queue, "reason"));
  if (mode != "none") {
    line += ", worker " + show_or(queue, "worker", "none") + ", rx ring " +
            ring_line(child(queue, "rx_ring")) + ", fill ring " +
            ring_line(child(queue, "fill_ring")) + ", " + show_or(queue, "chunks", "?") + " chunks";
    if (is_true(queue, "huge_pages")) line += " in huge pages";
    const std::string age = show(queue, "heartbeat_age_milliseconds");
    line += age.empty() ? ", no heartbeat" : ", heartbeat " + age + " ms ago";
  }
  text.line("queue " + show(queue, "queue"), line);
  for (const auto& [name, count] : child(queue, "counts").items()) {
    if (count != 0) text.detail(name, count.dump());
  }
}

// What a verdict means, where this build knows it.
std::string meaning_of_verdict(std::string_view name) {
  for (int verdict = 0; verdict < XM_VERDICT_COUNT; ++verdict) {
    const auto known = static_cast<xm_verdict>(verdict);
    if (verdict_name(known) == name) return std::string(verdict_text(known));
  }
  return {};
}

void verdicts_text(Text& text, const Json& verdicts) {
  for (const auto& [name, count] : verdicts.items()) {
    if (number_of(count, "packets") == 0) continue;
    text.line(name, show(count, "packets") + " packets, " + show_bytes(count, "bytes") +
                        in_brackets(meaning_of_verdict(name)));
  }
}

bool is_refused(const Json& step) {
  return show(step, "taken") == "no";
}

}  // namespace

void attachment_text(Text& text, const Json& attachment) {
  text.heading("attached: " + show(attachment, "name"));
  text.line("state", show(attachment, "state") + in_brackets(show(attachment, "state_reason")));
  text.line("device", "index " + show(attachment, "ifindex") + ", driver " +
                          show_or(attachment, "driver", "unknown") + ", MTU " +
                          show(attachment, "mtu"));
  text.line("XDP", program_line(child(attachment, "program")) +
                       " (asked: " + show(attachment, "mode") + ")");
  text.line("receiving", show(attachment, "rx") + ", asked " + show(attachment, "rx_asked") +
                             in_brackets(show(attachment, "rx_reason")));
  text.line("UMEM", "chunks of " + show(attachment, "chunk_size") + " B, frames up to " +
                        show(attachment, "largest_frame") + " B, zero-copy " +
                        (is_true(attachment, "zero_copy") ? "on" : "off") +
                        " (asked: " + show(attachment, "zero_copy_asked") + "), busy poll " +
                        show(attachment, "busy_poll_microseconds") + " us");
  for (const Json& queue : child(attachment, "queues")) queue_text(text, queue);
  verdicts_text(text, child(attachment, "verdicts"));
  for (const Json& step : child(attachment, "steps")) {
    if (!is_refused(step)) continue;
    text.line("refused", show(step, "what") + in_brackets(show(step, "reason")));
  }
}

std::string steps_text(const Json& steps) {
  std::string text;
  for (const Json& step : steps) {
    const std::string reason = show(step, "reason");
    text += std::string(is_refused(step) ? "  refused  " : "  done     ") + show(step, "what") +
            (reason.empty() ? "" : ": " + reason) + "\n";
  }
  return text;
}

Result<std::string> interfaces_text(std::string_view json) {
  const auto reply = parse_reply(json);
  if (!reply) return reply.error();
  Text text;
  for (const Json& attachment : child(reply.value(), "interfaces"))
    attachment_text(text, attachment);
  return text.take();
}

bool holds_interface(std::string_view json, std::string_view name) {
  const auto reply = parse_reply(json);
  if (!reply) return false;
  const Json& list = child(reply.value(), "interfaces");
  return std::any_of(list.begin(), list.end(),
                     [name](const Json& each) { return show(each, "name") == name; });
}

Result<ReportText> attach_reply_text(std::string_view json) {
  const auto reply = parse_reply(json);
  if (!reply) return reply.error();
  const Json& report = child(reply.value(), "attach");
  const bool attached = is_true(report, "attached");
  const bool dry_run = is_true(report, "dry_run");
  const char* const outcome = dry_run ? (attached ? "would be attached" : "would not be attached")
                                      : (attached ? "attached" : "not attached");
  return ReportText{
      show(report, "interface") + ": " + outcome + "\n" + steps_text(child(report, "steps")),
      attached};
}

Result<ReportText> detach_reply_text(std::string_view json) {
  const auto reply = parse_reply(json);
  if (!reply) return reply.error();
  const Json& report = child(reply.value(), "detach");
  const Json& steps = child(report, "steps");
  const bool success =
      report.is_object() && !report.empty() && std::none_of(steps.begin(), steps.end(), is_refused);
  return ReportText{show(report, "interface") + ": " +
                        (success ? "detached" : "not detached in full") + "\n" + steps_text(steps),
                    success};
}

}  // namespace xm
