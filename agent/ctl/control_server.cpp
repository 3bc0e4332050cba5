#include "agent/ctl/control_server.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "agent/ctl/printable.hpp"
#include "agent/ctl/unix_listener.hpp"
#include "xdpmesh/network_namespace.hpp"

namespace xm {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxRequestLine = 4096;

std::string error_reply(const std::string& what) {
  const Json reply{{"schema_version", kStatusSchemaVersion}, {"error", what}};
  return reply.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string answer_attach(std::string_view line, Controller& controller) {
  const auto request = parse_attach_request(line);
  if (!request) return error_reply(request.error().what);
  const auto report = controller.attach(request.value());
  return report ? attach_reply_json(report.value()) : error_reply(report.error().what);
}

std::string answer_detach(std::string_view line, Controller& controller) {
  const auto interface = parse_detach_request(line);
  if (!interface) return error_reply(interface.error().what);
  const auto report = controller.detach(interface.value());
  return report ? detach_reply_json(report.value()) : error_reply(report.error().what);
}

class ControlDialogue final : public Dialogue {
 public:
  explicit ControlDialogue(Controller& controller) : controller_(controller) {}

  std::size_t take(std::string_view input, SecretText& reply) override {
    const std::size_t end = input.find('\n');
    const std::string_view piece = input.substr(0, end);
    if (line_.size() + piece.size() > kMaxRequestLine) {
      reply +=
          error_reply("the request is longer than " + std::to_string(kMaxRequestLine) + " bytes") +=
          '\n';
      finished_ = true;
      return input.size();
    }
    line_ += piece;
    if (end == std::string_view::npos) return input.size();
    reply += answer_control_request(line_, controller_) += '\n';
    line_.clear();
    return end + 1;
  }
  void end_of_input(SecretText& reply) override {
    if (line_.empty()) return;
    reply += answer_control_request(std::exchange(line_, {}), controller_) += '\n';
  }
  [[nodiscard]] bool idle() const override { return line_.empty(); }
  [[nodiscard]] bool finished() const override { return finished_; }

 private:
  Controller& controller_;
  std::string line_;
  bool finished_ = false;
};

}  // namespace

std::string control_socket_name(std::string_view interface) {
  return name_in_namespace(interface);
}

std::string answer_control_request(std::string_view line, Controller& controller) {
  const auto request = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!request.is_object())
    return error_reply("expected a JSON object, as {\"request\":\"status\"}");
  const auto name = request.find("request");
  if (name == request.end() || !name->is_string()) {
    return error_reply("expected a text in \"request\", as {\"request\":\"status\"}");
  }
  const auto& wanted = name->get_ref<const std::string&>();
  if (wanted == "attach") return answer_attach(line, controller);
  if (wanted == "detach") return answer_detach(line, controller);
  if (wanted == "status" || wanted == "interfaces" || wanted == "stop") {
    if (Status none = check_no_members(line); !none) return error_reply(none.error().what);
    if (wanted == "stop") {
      controller.stop();
      return Json{{"schema_version", kStatusSchemaVersion}, {"stopping", true}}.dump();
    }
    return wanted == "status" ? status_json(controller.status())
                              : interfaces_json(controller.attachments());
  }
  return error_reply("unknown request " + printable(wanted) +
                     "; this version knows: status, interfaces, attach, detach, stop");
}

ControlServer::ControlServer(std::unique_ptr<StreamServer> server) : server_(std::move(server)) {}

Result<std::unique_ptr<ControlServer>> ControlServer::open(ControlServerOptions options,
                                                           Controller& controller) {
  StreamServerOptions stream;
  stream.directory = std::move(options.directory);
  stream.name = std::move(options.name);
  if (!options.group.empty()) {
    const auto group = find_group(options.group);
    if (!group) return group.error();
    stream.group = group.value();
  }
  stream.make_dialogue = [&controller] { return std::make_unique<ControlDialogue>(controller); };
  stream.patience = options.patience;
  auto server = StreamServer::open(std::move(stream));
  if (!server) return server.error();
  return std::unique_ptr<ControlServer>(new ControlServer(std::move(server).value()));
}

}  // namespace xm
