#include <nlohmann/json.hpp>

#include "agent/bench/parts_json.hpp"
#include "agent/bench/peers_bench.hpp"

namespace xm {
namespace {

Json to_json(const PeersReport::Memory& memory) {
  return {{"heap_bytes", memory.heap}, {"resident_bytes", memory.resident}};
}

}  // namespace

std::string peers_report_json(const PeersReport& report) {
  return to_line(report_head("peers"), {{"peers", report.peers},
                                        {"peer_size", report.peer_size},
                                        {"record_size", report.record_size},
                                        {"session_size", report.session_size},
                                        {"configured", to_json(report.configured)},
                                        {"sessions", to_json(report.sessions)},
                                        {"process_resident_bytes", report.process_resident},
                                        {"apply_nanoseconds", xm::to_json(report.apply)},
                                        {"index_nanoseconds", xm::to_json(report.index)},
                                        {"route_v4_nanoseconds", xm::to_json(report.route_v4)},
                                        {"route_v6_nanoseconds", xm::to_json(report.route_v6)},
                                        {"timer_nanoseconds", xm::to_json(report.timer)},
                                        {"idle_tick_nanoseconds", xm::to_json(report.idle_tick)}});
}

}  // namespace xm
