// The configuration socket /var/run/wireguard/IF.sock, which wg(8) and others speak to.
//
// Thread: the control thread. The owner watches fd() for reading and calls dispatch() then.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/ctl/controller.hpp"
#include "agent/ctl/stream_server.hpp"
#include "xdpmesh/clock.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

struct UapiServerOptions {
  std::string directory = "/var/run/wireguard";
  std::string interface;
  std::optional<int> adopt_fd;  // WG_UAPI_FD: a listening socket, taken over
  Duration patience = 30s;
};

class UapiServer {
 public:
  // From the return on, clients are accepted (by the kernel) and served by dispatch(). `controller`
  // outlives the server. `on_deleted` is called once, from dispatch(), when the socket was removed
  // from its directory: the process is to exit.
  [[nodiscard]] static Result<std::unique_ptr<UapiServer>> open(UapiServerOptions options,
                                                                Controller& controller,
                                                                std::function<void()> on_deleted);

  [[nodiscard]] int fd() const { return server_->fd(); }
  void dispatch(Instant now);
  [[nodiscard]] const std::string& path() const { return server_->path(); }

 private:
  UapiServer(std::unique_ptr<StreamServer> server, std::function<void()> on_deleted);

  std::unique_ptr<StreamServer> server_;
  std::function<void()> on_deleted_;
};

}  // namespace xm
