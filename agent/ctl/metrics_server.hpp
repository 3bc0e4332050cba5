// Metrics and health by HTTP:
//
//   /metrics   what metrics_text() writes
//   /healthz   200 while every loop turns, else 503 and which does not: restart the agent
//   /readyz    200 while packets can be carried (agent/ctl/readiness.hpp), else 503 and why
//
// It answers whoever reaches the socket, and holds no secret. Peers never decide over health: to
// restart an agent mends no peer.
//
// Thread: the control thread. The owner watches fd() for reading and calls dispatch() then.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "agent/ctl/controller.hpp"
#include "agent/ctl/stream_server.hpp"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/clock.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// Which loop does not turn, as a sentence; empty: all do. The control thread's own does, or nobody
// would answer.
using LivenessFault = std::function<std::string()>;

// The reply to a request's complete head.
[[nodiscard]] std::string answer_http(std::string_view head, Controller& controller,
                                      const LivenessFault& liveness_fault);

class MetricsServer {
 public:
  // `controller` outlives the server.
  [[nodiscard]] static Result<std::unique_ptr<MetricsServer>> open(const Endpoint& address,
                                                                   Controller& controller,
                                                                   LivenessFault liveness_fault);

  [[nodiscard]] int fd() const { return server_->fd(); }
  void dispatch(Instant now) { server_->dispatch(now); }

 private:
  explicit MetricsServer(std::unique_ptr<StreamServer> server);

  std::unique_ptr<StreamServer> server_;
};

}  // namespace xm
