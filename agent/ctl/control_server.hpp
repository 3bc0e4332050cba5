// The control socket /run/xdp-mesh/NAME.sock: one JSON request a line, one JSON reply a line.
//
//   {"request":"status"}      ->  the line of status_json()
//   {"request":"interfaces"}  ->  that of interfaces_json()
//   {"request":"attach",...}  ->  that of attach_reply_json()
//   {"request":"detach",...}  ->  that of detach_reply_json()
//   {"request":"stop"}        ->  {"schema_version":1,"stopping":true}
//   anything else             ->  {"schema_version":1,"error":"..."}
//
// docs/control-socket.md is for who writes a client.
//
// Thread: the control thread. The owner watches fd() for reading and calls dispatch() then.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "agent/ctl/controller.hpp"
#include "agent/ctl/stream_server.hpp"
#include "xdpmesh/clock.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// The socket's name without ".sock": the interface, and outside the initial network namespace
// "IF@INODE" with the namespace's inode, because the directory is shared by all of them.
[[nodiscard]] std::string control_socket_name(std::string_view interface);

// The reply to one request line, without the line's end.
[[nodiscard]] std::string answer_control_request(std::string_view line, Controller& controller);

struct ControlServerOptions {
  std::string directory = "/run/xdp-mesh";
  std::string name;   // of control_socket_name()
  std::string group;  // name or number: its members may use the socket too; empty: root alone
  Duration patience = 30s;
};

class ControlServer {
 public:
  // `controller` outlives the server.
  [[nodiscard]] static Result<std::unique_ptr<ControlServer>> open(ControlServerOptions options,
                                                                   Controller& controller);

  [[nodiscard]] int fd() const { return server_->fd(); }
  void dispatch(Instant now) { server_->dispatch(now); }
  [[nodiscard]] const std::string& path() const { return server_->path(); }

 private:
  explicit ControlServer(std::unique_ptr<StreamServer> server);

  std::unique_ptr<StreamServer> server_;
};

}  // namespace xm
