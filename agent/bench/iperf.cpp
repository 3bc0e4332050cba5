#include "agent/bench/iperf.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

namespace xm::bench {
namespace {

using Json = nlohmann::json;

constexpr const char* kConnectTimeoutMilliseconds = "10000";

std::vector<std::string> client_command(const std::string& address, std::uint32_t seconds) {
  return {"iperf3",
          "-J",
          "-c",
          address,
          "-p",
          std::to_string(kIperfPort),
          "--connect-timeout",
          kConnectTimeoutMilliseconds,
          "-t",
          std::to_string(seconds)};
}

// The object `end` of a run that went well.
Result<Json> parse_end(std::string_view json) {
  Json run = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!run.is_object()) return Error{"iperf3: expected a JSON object, got none or half of one"};
  if (const auto error = run.find("error"); error != run.end()) {
    return Error{"iperf3: " + (error->is_string() ? error->get<std::string>() : error->dump())};
  }
  const auto end = run.find("end");
  if (end == run.end() || !end->is_object()) return Error{"iperf3: its output has no 'end'"};
  return std::move(*end);
}

std::optional<double> number(const Json& end, const char* object, const char* field) {
  const auto found = end.find(object);
  if (found == end.end() || !found->is_object()) return std::nullopt;
  const auto value = found->find(field);
  if (value == found->end() || !value->is_number()) return std::nullopt;
  return value->get<double>();
}

Error missing(const char* fields) {
  return Error{std::string("iperf3: expected numbers in ") + fields +
               ", some are missing: iperf3 3.1 or newer is needed"};
}

}  // namespace

std::vector<std::string> iperf_server_command() {
  return {"iperf3", "-s", "-1", "-p", std::to_string(kIperfPort)};
}

std::vector<std::string> iperf_tcp_command(const std::string& address, const TcpLoad& load) {
  std::vector<std::string> command = client_command(address, load.seconds);
  if (load.streams > 1) command.insert(command.end(), {"-P", std::to_string(load.streams)});
  if (load.reverse) command.emplace_back("-R");
  return command;
}

std::vector<std::string> iperf_udp_command(const std::string& address, std::uint32_t seconds,
                                           std::uint32_t bytes) {
  std::vector<std::string> command = client_command(address, seconds);
  command.insert(command.end(), {"-u", "-b", "0", "-l", std::to_string(bytes)});
  return command;
}

Result<TcpFigures> parse_iperf_tcp(std::string_view json) {
  const auto end = parse_end(json);
  if (!end) return end.error();
  const auto bytes = number(end.value(), "sum_received", "bytes");
  const auto rate = number(end.value(), "sum_received", "bits_per_second");
  if (!bytes || !rate) return missing("end.sum_received");
  return TcpFigures{*bytes, *rate};
}

Result<UdpFigures> parse_iperf_udp(std::string_view json, std::uint32_t bytes) {
  const auto end = parse_end(json);
  if (!end) return end.error();
  // `sum` counts what was sent; its losses are the gaps between received packets, so that what was
  // lost after the last one is missing. The receiver's bytes, where there are some, say it exactly.
  const auto sent = number(end.value(), "sum", "packets");
  const auto lost = number(end.value(), "sum", "lost_packets");
  const auto seconds = number(end.value(), "sum", "seconds");
  if (!sent || !lost || !seconds || *seconds <= 0) return missing("end.sum");
  double received = *sent - *lost;
  if (const auto got = number(end.value(), "sum_received", "bytes")) received = *got / bytes;
  received = std::clamp(received, 0.0, *sent);
  UdpFigures figures;
  figures.sent_per_second = *sent / *seconds;
  figures.received_per_second = received / *seconds;
  figures.lost_percent = *sent > 0 ? 100 * (1 - received / *sent) : 0;
  return figures;
}

}  // namespace xm::bench
