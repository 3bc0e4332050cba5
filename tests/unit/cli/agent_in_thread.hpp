// An agent's control socket, served by a thread of its own.
#pragma once

#include <doctest/doctest.h>
#include <poll.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "agent/ctl/control_server.hpp"
#include "xdpmesh/clock.hpp"

namespace xm::test {

class AgentInThread {
 public:
  // The controller is the test's: what it says is settled before, and read after the thread's end.
  AgentInThread(const std::string& directory, const std::string& socket_name,
                Controller& controller) {
    ControlServerOptions options;
    options.directory = directory;
    options.name = socket_name;
    auto opened = ControlServer::open(std::move(options), controller);
    REQUIRE(opened.ok());
    server_ = std::move(opened).value();
    thread_ = std::thread([this] {
      while (!stop_) {
        pollfd readable{server_->fd(), POLLIN, 0};
        if (::poll(&readable, 1, /*timeout=*/10) == 1) server_->dispatch(SystemClock().now());
      }
    });
  }
  ~AgentInThread() { stop(); }
  AgentInThread(const AgentInThread&) = delete;
  AgentInThread& operator=(const AgentInThread&) = delete;

  void stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }

 private:
  std::unique_ptr<ControlServer> server_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace xm::test
