#include "agent/ctl/uapi_server.hpp"

#include <utility>

#include "agent/ctl/uapi.hpp"
#include "xdpmesh/log.hpp"

namespace xm {
namespace {

class UapiDialogue final : public Dialogue {
 public:
  explicit UapiDialogue(Controller& controller) : controller_(controller) {}

  std::size_t take(std::string_view input, SecretText& reply) override {
    const std::size_t taken = parser_.feed(input);
    if (parser_.complete()) answer(parser_.take(), reply);
    if (parser_.not_uapi()) {
      log::error("configuration socket: a client's first line is neither get=1 nor set=1");
    }
    return taken;
  }
  void end_of_input(SecretText& reply) override {
    parser_.finish();
    if (parser_.complete()) answer(parser_.take(), reply);
  }
  [[nodiscard]] bool idle() const override { return parser_.between_requests(); }
  [[nodiscard]] bool finished() const override { return parser_.not_uapi(); }

 private:
  void answer(UapiRequest request, SecretText& reply) {
    Status outcome = std::move(request.outcome);
    if (outcome && request.operation == UapiOperation::get) {
      reply += format_view(controller_.view());
    } else if (outcome) {
      outcome = controller_.apply(std::move(request.change));
    }
    int os_errno = 0;
    if (!outcome) {
      os_errno = outcome.error().os_errno == 0 ? EIO : outcome.error().os_errno;
      log::error("configuration request refused: " + outcome.error().what);
    }
    reply += format_errno(os_errno);
  }

  Controller& controller_;
  UapiParser parser_;
};

}  // namespace

UapiServer::UapiServer(std::unique_ptr<StreamServer> server, std::function<void()> on_deleted)
    : server_(std::move(server)), on_deleted_(std::move(on_deleted)) {}

Result<std::unique_ptr<UapiServer>> UapiServer::open(UapiServerOptions options,
                                                     Controller& controller,
                                                     std::function<void()> on_deleted) {
  StreamServerOptions stream;
  stream.directory = std::move(options.directory);
  stream.name = std::move(options.interface);
  stream.adopt_fd = options.adopt_fd;
  stream.make_dialogue = [&controller] { return std::make_unique<UapiDialogue>(controller); };
  stream.watch_path = true;
  stream.patience = options.patience;
  auto server = StreamServer::open(std::move(stream));
  if (!server) return server.error();
  return std::unique_ptr<UapiServer>(
      new UapiServer(std::move(server).value(), std::move(on_deleted)));
}

void UapiServer::dispatch(Instant now) {
  server_->dispatch(now);
  if (server_->deleted() && on_deleted_) std::exchange(on_deleted_, nullptr)();
}

}  // namespace xm
