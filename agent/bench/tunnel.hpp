// One contestant between the lab's two hosts, alive for one round: both ends started, configured
// with fresh keys and answering, or, for plain veth, nothing at all.
//
//   host a: 10.77.0.1/24 on IFa ---- tunnel ---- 10.77.0.2/24 on IFb :host b
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/bench/child.hpp"
#include "agent/bench/contestant.hpp"
#include "agent/bench/lab.hpp"
#include "agent/bench/process_stat.hpp"

namespace xm::bench {

inline constexpr const char* kUapiDirectory = "/var/run/wireguard";
inline constexpr const char* kControlDirectory = "/run/xdp-mesh";

class Tunnel {
 public:
  // `prefix` begins the names of both interfaces, at most 14 bytes. The lab outlives the tunnel.
  // The error holds the last lines of what the program that failed said.
  [[nodiscard]] static Result<std::unique_ptr<Tunnel>> start(const Lab& lab,
                                                             const Contestant& contestant,
                                                             const std::string& prefix);
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;
  ~Tunnel();  // ends all processes and removes their sockets

  [[nodiscard]] bool is_plain() const { return plain_; }

  // Where traffic to this end's host goes.
  [[nodiscard]] const char* address(End end) const;

  // CPU time so far and memory of an end's processes.
  [[nodiscard]] double cpu_seconds_of(End end) const;
  [[nodiscard]] Memory memory(End end) const;

  // Why a measurement failed, if it is that an end is no more; empty while both live.
  [[nodiscard]] std::string death();

  // Configures an end with that many more peers, which never answer.
  [[nodiscard]] Status add_silent_peers(End end, std::uint32_t count);

  // The reply of our own agent to a status request.
  [[nodiscard]] Result<std::string> status(End end) const;

 private:
  struct Process {
    std::string interface;
    std::optional<Child> child;
    std::vector<pid_t> all;  // with those that it may have started, or left behind as a daemon
  };

  Tunnel(const Lab& lab, bool plain) : lab_(&lab), plain_(plain) {}
  [[nodiscard]] Status start_end(End end, const Contestant& contestant, const std::string& prefix);
  [[nodiscard]] Status wait_until_it_listens(End end);
  [[nodiscard]] Status configure_ends() const;
  [[nodiscard]] Status bring_up(End end) const;
  [[nodiscard]] Status shake_hands() const;
  [[nodiscard]] std::string uapi_path(End end) const;
  [[nodiscard]] std::string describe_end_of(End end);
  void stop_end(End end);

  const Lab* lab_;
  bool plain_;
  std::array<Process, 2> ends_;
};

}  // namespace xm::bench
