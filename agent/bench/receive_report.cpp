#include <nlohmann/json.hpp>

#include "agent/bench/parts_json.hpp"
#include "agent/bench/parts_report.hpp"
#include "agent/bench/receive_bench.hpp"

namespace xm {
namespace {

std::string load_name(ReceiveLoad load) {
  switch (load) {
    case ReceiveLoad::steady_150:
      return "150 kpps, ns a packet";
    case ReceiveLoad::steady_400:
      return "400 kpps, ns a packet";
    case ReceiveLoad::saturated:
      return "saturated, kpps";
    case ReceiveLoad::unknown_index:
      return "unknown index, ns a packet";
    case ReceiveLoad::wrong_mac1:
      return "wrong mac1, ns a packet";
  }
  return "";
}

Figure in_thousands(const Figure& figure) {
  return {figure.median / 1e3, figure.low / 1e3, figure.high / 1e3};
}

std::string shown(const ReceiveRow& row, const ReceiveRow::Way& way) {
  return figure_text(row.load == ReceiveLoad::saturated ? in_thousands(way.rate) : way.nanoseconds);
}

std::string shown(Arrival arrival) {
  switch (arrival) {
    case Arrival::veth:
      return "GRO off";
    case Arrival::veth_joined:
      return "GRO on";
    case Arrival::frames:
      break;
  }
  return "no veth";
}

std::string line(const std::string& arrival, const std::string& load, const std::string& socket,
                 const std::string& xdp, const std::string& ratio, const std::string& target) {
  return "  " + pad_right(arrival, 10) + pad_right(load, 28) + pad_left(socket, 18) +
         pad_left(xdp, 18) + pad_left(ratio, 8) + "  " + target + "\n";
}

// What did not arrive of a steady load is said: figures of different loads do not compare. Of a
// flood, what no program could go below.
std::string remarks(const ReceiveRow& row) {
  if (is_flood(row.load)) return ", dropped unseen " + figure_text(row.floor);
  if (row.load != ReceiveLoad::steady_150 && row.load != ReceiveLoad::steady_400) return "";
  std::string text;
  for (const auto& [name, way] :
       {std::pair{"socket", &row.socket}, std::pair{"AF_XDP", &row.xdp}}) {
    const double lost = 1 - way->rate.median / way->offered.median;
    if (lost >= 0.01) text += std::string(", ") + name + " lost " + decimal(lost * 100, 0) + " %";
  }
  return text;
}

Json to_json(const ReceiveRow::Way& way) {
  return {{"cpu_nanoseconds_per_packet", xm::to_json(way.nanoseconds)},
          {"napi_nanoseconds_per_packet", xm::to_json(way.napi_nanoseconds)},
          {"delivered_per_second", xm::to_json(way.rate)},
          {"offered_per_second", xm::to_json(way.offered)},
          {"packets_per_batch", xm::to_json(way.batch)}};
}

}  // namespace

std::string receive_report_text(const ReceiveReport& report) {
  std::string text = "receiving over veth with native XDP, one by one, " +
                     std::to_string(report.size) + " B inside; no encryption, no TUN device\n" +
                     std::to_string(report.rounds) + " rounds of " +
                     decimal(report.milliseconds / 1e3, 1) + " s; median (10th-90th percentile)\n";
  if (report.moderation_microseconds != 0) {
    text += "wake-ups of the receiving kernel held back by " +
            std::to_string(report.moderation_microseconds) + " us\n";
  }
  if (report.busy_poll_microseconds != 0) {
    text += "AF_XDP busy-polls by " + std::to_string(report.busy_poll_microseconds) + " us\n";
  }
  text += line("arrival", "load", "socket", "AF_XDP", "ratio", "target");
  for (const ReceiveRow& row : report.rows) {
    const std::string target = std::string(row.bound_is_least() ? ">= " : "<= ") +
                               decimal(row.bound(), 2) + (row.met() ? " met" : " MISSED");
    text += line(shown(row.arrival), load_name(row.load), shown(row, row.socket),
                 shown(row, row.xdp), decimal(row.ratio(), 2), target + remarks(row));
  }
  if (!report.no_frames.empty()) text += "  no floods without veth: " + report.no_frames + "\n";
  if (report.interrupted) text += "  interrupted\n";
  return text;
}

std::string receive_report_json(const ReceiveReport& report) {
  Json rows = Json::array();
  for (const ReceiveRow& row : report.rows) {
    const Json floor = is_flood(row.load) ? xm::to_json(row.floor) : Json(nullptr);
    rows.push_back({{"load", receive_load_name(row.load)},
                    {"arrival", arrival_name(row.arrival)},
                    {"napi_gro", row.arrival == Arrival::veth_joined},
                    {"socket", to_json(row.socket)},
                    {"af_xdp", to_json(row.xdp)},
                    {"dropped_unseen_nanoseconds_per_packet", floor},
                    {"ratio", row.ratio()},
                    {"target", row.bound()},
                    {"target_is", row.bound_is_least() ? "at_least" : "at_most"},
                    {"met", row.met()}});
  }
  return to_line(report_head("receive"),
                 {{"size", report.size},
                  {"milliseconds", report.milliseconds},
                  {"rounds", report.rounds},
                  {"moderation_microseconds", report.moderation_microseconds},
                  {"busy_poll_microseconds", report.busy_poll_microseconds},
                  {"no_frames", report.no_frames},
                  {"interrupted", report.interrupted},
                  {"rows", rows}});
}

}  // namespace xm
