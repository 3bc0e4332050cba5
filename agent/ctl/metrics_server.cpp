#include "agent/ctl/metrics_server.hpp"

#include <utility>

#include "agent/ctl/http.hpp"
#include "agent/ctl/metrics.hpp"
#include "agent/ctl/readiness.hpp"
#include "agent/ctl/tcp_listener.hpp"

namespace xm {
namespace {

// Who scrapes asks at once or not at all.
constexpr Duration kPatience = 10s;
constexpr std::size_t kMaxClients = 16;

HttpReply health(const std::string& fault) {
  if (fault.empty()) return {.body = "ok\n"};
  return {.status = 503, .body = fault + "\n"};
}

HttpReply reply_to(const HttpRequest& request, Controller& controller,
                   const LivenessFault& liveness_fault) {
  if (request.path == "/healthz") return health(liveness_fault());
  if (request.path == "/readyz") return health(readiness_fault(controller.status()));
  if (request.path == "/metrics") {
    return {.content_type = kMetricsContentType,
            .body = metrics_text(controller.status(), controller.view())};
  }
  return {.status = 404, .body = "expected /metrics, /healthz or /readyz\n"};
}

class HttpDialogue final : public Dialogue {
 public:
  HttpDialogue(Controller& controller, const LivenessFault& liveness_fault)
      : controller_(controller), liveness_fault_(liveness_fault) {}

  std::size_t take(std::string_view input, SecretText& reply) override {
    if (finished_) return input.size();
    head_ += input;
    const std::size_t length = http_head_length(head_);
    if (length == std::string_view::npos && head_.size() <= kMaxHttpHead) return input.size();
    finished_ = true;
    if (length > kMaxHttpHead) {
      reply += http_text({.status = 431, .body = "expected a shorter request\n"}, false);
    } else {
      reply += answer_http(std::string_view(head_).substr(0, length), controller_, liveness_fault_);
    }
    return input.size();
  }
  void end_of_input(SecretText& /*reply*/) override {}
  [[nodiscard]] bool idle() const override { return false; }
  [[nodiscard]] bool finished() const override { return finished_; }

 private:
  Controller& controller_;
  const LivenessFault& liveness_fault_;
  std::string head_;
  bool finished_ = false;
};

}  // namespace

std::string answer_http(std::string_view head, Controller& controller,
                        const LivenessFault& liveness_fault) {
  const ParsedHttp parsed = parse_http(head);
  if (parsed.error.status != 200) return http_text(parsed.error, false);
  return http_text(reply_to(parsed.request, controller, liveness_fault), parsed.request.head_only);
}

MetricsServer::MetricsServer(std::unique_ptr<StreamServer> server) : server_(std::move(server)) {}

Result<std::unique_ptr<MetricsServer>> MetricsServer::open(const Endpoint& address,
                                                           Controller& controller,
                                                           LivenessFault liveness_fault) {
  auto listener = listen_on_tcp(address);
  if (!listener) return listener.error();
  StreamServerOptions stream;
  stream.tcp = std::move(listener).value();
  stream.make_dialogue = [&controller, fault = std::move(liveness_fault)] {
    return std::make_unique<HttpDialogue>(controller, fault);
  };
  stream.max_clients = kMaxClients;
  stream.patience = kPatience;
  auto server = StreamServer::open(std::move(stream));
  if (!server) return server.error();
  return std::unique_ptr<MetricsServer>(new MetricsServer(std::move(server).value()));
}

}  // namespace xm
