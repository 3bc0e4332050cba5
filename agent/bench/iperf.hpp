// iperf3: its command lines, and what it answers in JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "xdpmesh/result.hpp"

namespace xm::bench {

inline constexpr std::uint16_t kIperfPort = 5201;

[[nodiscard]] std::vector<std::string> iperf_server_command();  // serves one test

struct TcpLoad {
  std::uint32_t seconds = 1;
  std::uint32_t streams = 1;
  bool reverse = false;  // the server sends
};
[[nodiscard]] std::vector<std::string> iperf_tcp_command(const std::string& address,
                                                         const TcpLoad& load);
// As fast as it goes, in datagrams of `bytes` of payload.
[[nodiscard]] std::vector<std::string> iperf_udp_command(const std::string& address,
                                                         std::uint32_t seconds,
                                                         std::uint32_t bytes);

// All streams together, as the receiver counted.
struct TcpFigures {
  double bytes = 0;
  double bits_per_second = 0;
};
struct UdpFigures {
  double sent_per_second = 0;  // packets
  double received_per_second = 0;
  double lost_percent = 0;
};

// The client's output with -J. The error is iperf3's own, or says which field is missing.
[[nodiscard]] Result<TcpFigures> parse_iperf_tcp(std::string_view json);
[[nodiscard]] Result<UdpFigures> parse_iperf_udp(std::string_view json, std::uint32_t bytes);

}  // namespace xm::bench
