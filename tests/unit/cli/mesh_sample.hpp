// A control socket that answers every request with one line: the status of an agent in a mesh.
#pragma once

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>

#include "agent/ctl/unix_listener.hpp"
#include "xdpmesh/fd.hpp"
#include "xdpmesh/network_namespace.hpp"

namespace xm::test {

// Of `interface`: this node "alpha", and the members "gate" (well), "web-1" (silent), and one
// without a name.
inline std::string mesh_status(const std::string& interface,
                               std::uint64_t network_namespace = network_namespace_inode()) {
  return R"({"schema_version":1,"interface":")" + interface + R"(","network_namespace":)" +
         std::to_string(network_namespace) +
         R"(,"mesh":{"name":"home",)"
         R"("identity":"xm1alphaalphaalpha","names":["alpha"],)"
         R"("addresses":["100.64.0.1","fd00::1"],"state":"joined","faults":["clock is off"],)"
         R"("members":[)"
         R"({"identity":"xm1gategategategate","public_key":"Z2F0ZQ==","names":["gate","gw"],)"
         R"("addresses":["100.64.0.2","fd00::2"],"state":"alive","reach":"direct",)"
         R"("endpoint":"192.0.2.1:51820","trust":"authorized key gate","refused":["10.0.0.0/8"]},)"
         R"({"identity":"xm1webwebwebwebweb","public_key":"d2Vi","names":["web-1"],)"
         R"("addresses":["100.64.0.3"],"state":"suspect","reach":"silent","endpoint":null,)"
         R"("trust":"organisation acme","refused":[]},)"
         R"({"identity":"xm1namelessnameless","public_key":"bm9uZQ==","names":[],"addresses":[],)"
         R"("state":"dead","reach":"unknown","endpoint":null,"trust":"","refused":[]}]},)"
         R"("peers":[{"public_key":"Z2F0ZQ==","receive_path":"xdp","last_handshake_seconds":7},)"
         R"({"public_key":"d2Vi","receive_path":"none","last_handshake_seconds":null}]})";
}

class LineServer {
 public:
  LineServer(const std::string& path, std::string line) : line_(std::move(line) + "\n") {
    auto listener = listen_on_unix_path(path);
    REQUIRE(listener.ok());
    listener_ = std::move(listener).value();
    thread_ = std::thread([this] {
      while (!stop_) {
        pollfd readable{listener_.get(), POLLIN, 0};
        if (::poll(&readable, 1, /*timeout=*/10) != 1) continue;
        const Fd client(::accept(listener_.get(), nullptr, nullptr));
        char request[256];
        if (::recv(client.get(), request, sizeof request, 0) > 0) {
          ::send(client.get(), line_.data(), line_.size(), MSG_NOSIGNAL);
        }
      }
    });
  }
  ~LineServer() {
    stop_ = true;
    thread_.join();
  }
  LineServer(const LineServer&) = delete;
  LineServer& operator=(const LineServer&) = delete;

 private:
  std::string line_;
  Fd listener_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace xm::test
