// What an agent counts, in Prometheus' text format.
//
// The three metrics wireguard_* have the names and labels that exporters for WireGuard are known by
// (prometheus_wireguard_exporter), so that their dashboards and alerts go on working. All others
// are xdpmesh_*; each has the label `interface`, the tunnel's. `device` is a network interface that
// the agent is attached to. deploy/grafana shows them.
#pragma once

#include <string>
#include <string_view>

#include "agent/ctl/status.hpp"
#include "agent/peer/config.hpp"

namespace xm {

inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

// Of `configured` only what is public is read: allowed IPs and the time of the last handshake.
[[nodiscard]] std::string metrics_text(const StatusView& view, const InterfaceView& configured);

}  // namespace xm
