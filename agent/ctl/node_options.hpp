// What the command line and the environment ask of a node: agent/cli fills it, agent/node reads it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/crypto/aead.hpp"
#include "agent/ctl/attach.hpp"
#include "agent/io/io_choice.hpp"
#include "agent/path/handoff.hpp"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/log.hpp"

namespace xm {

inline constexpr std::uint32_t kMaxWorkers = 64;

struct NodeOptions {
  // 1 to 15 bytes that the kernel takes as an interface name. With `tun_fd` only the name of the
  // sockets: the device keeps its own.
  std::string interface;
  std::uint32_t workers = 0;     // 0: one a core of the affinity mask and quota, at most 8
  std::optional<AeadKind> aead;  // none: measured at start
  IoRequest io;                  // --io and --io-sqpoll
  HandoffMode handoff = HandoffMode::automatic;
  std::uint32_t busy_poll_microseconds = 0;  // SO_BUSY_POLL; 0: off
  std::optional<std::uint32_t> mtu;          // none: 1420
  LogLevel log_level = LogLevel::info;
  std::vector<AttachRequest> attach;  // before the agent says that it is ready
  bool keep_attached = false;         // at the end XDP programs stay, for the next agent

  // Inherited descriptors (WG_TUN_FD, WG_UAPI_FD); who reads the options takes ownership.
  std::optional<int> tun_fd;   // an open TUN device
  std::optional<int> uapi_fd;  // a listening Unix stream socket

  std::string uapi_directory = "/var/run/wireguard";
  std::string control_directory = "/run/xdp-mesh";
  Endpoint metrics;           // where metrics and health are served by HTTP; not set: nowhere
  std::string control_group;  // name or number: may use the control socket too; empty: nobody
};

}  // namespace xm
