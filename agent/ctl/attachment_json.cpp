#include "agent/ctl/attachment_json.hpp"

#include "agent/ctl/status.hpp"
#include "xdpmesh/counters.hpp"

namespace xm {
namespace {

using Json = nlohmann::ordered_json;

template <typename T>
Json number_or_null(const std::optional<T>& number) {
  return number ? Json(*number) : Json(nullptr);
}

Json text_or_null(std::string_view text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

std::string_view queue_mode_name(xm_queue_mode mode) {
  switch (mode) {
    case XM_QUEUE_COPY:
      return "copy";
    case XM_QUEUE_ZEROCOPY:
      return "zerocopy";
    case XM_QUEUE_NONE:
      break;
  }
  return "none";
}

Json to_json(const ProgramStatus& program) {
  Json got = nullptr;
  if (program.got != AttachMode::automatic) {
    got = program.offloaded ? "offload" : attach_mode_name(program.got);
  }
  return {{"mode", std::move(got)},
          {"via", text_or_null(program.via == AttachVia::automatic ? std::string_view()
                                                                   : attach_via_name(program.via))},
          {"id", program.id == 0 ? Json(nullptr) : Json(program.id)},
          {"tag", text_or_null(program.tag)},
          {"pins", text_or_null(program.pins)},
          {"adopted", program.adopted}};
}

Json to_json(const XskCounts& counts) {
  return {{"rx_dropped", counts.rx_dropped},
          {"rx_invalid_descs", counts.rx_invalid_descs},
          {"tx_invalid_descs", counts.tx_invalid_descs},
          {"rx_ring_full", counts.rx_ring_full},
          {"rx_fill_ring_empty_descs", counts.rx_fill_ring_empty_descs},
          {"tx_ring_empty_descs", counts.tx_ring_empty_descs}};
}

Json to_json(const RingStatus& ring) {
  return {{"size", ring.size}, {"level", ring.level}};
}

Json to_json(const QueueStatus& queue) {
  return {{"queue", queue.queue},
          {"mode", queue_mode_name(queue.mode)},
          {"reason", queue.reason},
          {"worker", number_or_null(queue.worker)},
          {"heartbeat_age_milliseconds", number_or_null(queue.heartbeat_age_milliseconds)},
          {"rx_ring", to_json(queue.rx_ring)},
          {"fill_ring", to_json(queue.fill_ring)},
          {"chunks", queue.chunks},
          {"huge_pages", queue.huge_pages},
          {"counts", to_json(queue.counts)}};
}

Json verdicts_to_json(const std::array<xm_stat, XM_VERDICT_COUNT>& verdicts) {
  Json by_name = Json::object();
  for (int verdict = 0; verdict < XM_VERDICT_COUNT; ++verdict) {
    const xm_stat& count = verdicts[static_cast<std::size_t>(verdict)];
    by_name[std::string(verdict_name(static_cast<xm_verdict>(verdict)))] = {
        {"packets", std::uint64_t{count.packets}}, {"bytes", std::uint64_t{count.bytes}}};
  }
  return by_name;
}

Json to_json(const AttachmentStatus& attachment) {
  Json queues = Json::array();
  for (const QueueStatus& queue : attachment.queues) queues.push_back(to_json(queue));
  return {{"name", attachment.name},
          {"ifindex", attachment.ifindex},
          {"driver", attachment.driver},
          {"mtu", attachment.mtu},
          {"state", interface_state_name(attachment.state)},
          {"state_reason", attachment.state_reason},
          {"mode", attach_mode_name(attachment.mode)},
          {"program", to_json(attachment.program)},
          {"rx_asked", receive_choice_name(attachment.rx_asked)},
          {"rx", receive_choice_name(attachment.rx)},
          {"rx_reason", attachment.rx_reason},
          {"zero_copy_asked", zero_copy_name(attachment.zero_copy_asked)},
          {"zero_copy", attachment.zero_copy},
          {"chunk_size", attachment.chunk_size},
          {"largest_frame", attachment.largest_frame},
          {"busy_poll_microseconds", attachment.busy_poll_microseconds},
          {"attached_seconds", attachment.attached_seconds},
          {"queues", std::move(queues)},
          {"verdicts", verdicts_to_json(attachment.verdicts)},
          {"steps", steps_to_json(attachment.steps)}};
}

}  // namespace

std::string_view interface_state_name(InterfaceState state) {
  switch (state) {
    case InterfaceState::down:
      return "down";
    case InterfaceState::gone:
      return "gone";
    case InterfaceState::socket:
      return "socket";
    case InterfaceState::up:
      break;
  }
  return "up";
}

Json steps_to_json(const std::vector<AttachStep>& steps) {
  Json list = Json::array();
  for (const AttachStep& step : steps) {
    list.push_back({{"what", step.what}, {"taken", step.taken}, {"reason", step.reason}});
  }
  return list;
}

Json attachments_to_json(const std::vector<AttachmentStatus>& attachments) {
  Json list = Json::array();
  for (const AttachmentStatus& attachment : attachments) list.push_back(to_json(attachment));
  return list;
}

std::string one_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string interfaces_json(const std::vector<AttachmentStatus>& interfaces) {
  return one_line(
      {{"schema_version", kStatusSchemaVersion}, {"interfaces", attachments_to_json(interfaces)}});
}

}  // namespace xm
