#include "agent/bench/measure.hpp"

#include <algorithm>
#include <chrono>
#include <string>

#include "agent/bench/child.hpp"
#include "agent/bench/iperf.hpp"
#include "agent/bench/ping.hpp"
#include "agent/bench/process_stat.hpp"
#include "agent/bench/statistics.hpp"

namespace xm::bench {
namespace {

constexpr Duration kListenPatience = 5s;
constexpr Duration kPollInterval = 10ms;
// For a control connection through a tunnel that is drowned in a flood.
constexpr Duration kLatePatience = 20s;
// Until a stream has found its pace.
constexpr Duration kLoadLead = 500ms;
constexpr std::uint32_t kThousandLessOne = 999;
constexpr Duration kSettle = 300ms;

// A measurement's tools at both ends.
class Bench {
 public:
  Bench(const Lab& lab, Tunnel& tunnel, std::uint32_t seconds)
      : lab_(lab), tunnel_(tunnel), seconds_(seconds) {}

  [[nodiscard]] Result<Figures> tcp(Metric metric, std::uint32_t streams, bool reverse) const;
  [[nodiscard]] Result<Figures> tcp_and_cpu() const;
  [[nodiscard]] Result<Figures> udp(std::uint32_t bytes, Metric received, Metric sent,
                                    Metric lost) const;
  [[nodiscard]] Result<Figures> rtt() const;
  [[nodiscard]] Result<Figures> rtt_under_load() const;
  [[nodiscard]] Result<Figures> rss() const;
  [[nodiscard]] Result<Figures> rss_thousand() const;

 private:
  [[nodiscard]] Result<Child> start_server() const;
  [[nodiscard]] Result<std::string> iperf(std::vector<std::string> client) const;
  [[nodiscard]] Result<std::string> finish(Child& child, const char* program) const;
  [[nodiscard]] Result<TcpFigures> tcp_load(const TcpLoad& load) const;
  [[nodiscard]] Result<Figures> ping(Metric p50, Metric p99) const;

  const Lab& lab_;
  Tunnel& tunnel_;
  std::uint32_t seconds_;
};

Result<Child> Bench::start_server() const {
  auto server = Child::start({iperf_server_command(), lab_.network_namespace(End::b)});
  if (!server) return server;
  const Instant deadline = SystemClock().now() + kListenPatience;
  while (!listens_on_tcp(server->pid(), kIperfPort)) {
    if (lab_.interrupts().requested()) return interrupted();
    if (server->poll_end() || SystemClock().now() > deadline) {
      return Error{"iperf3's server does not listen: " +
                   last_lines(server->errors() + server->output())};
    }
    lab_.interrupts().wait_readable(-1, kPollInterval);
  }
  return server;
}

// The output of a client that has been started, once it has ended: iperf3 explains its failures
// there, in JSON.
Result<std::string> Bench::finish(Child& child, const char* program) const {
  const auto ended = child.wait(lab_.interrupts(), std::chrono::seconds(seconds_) + kLatePatience);
  if (ended) return child.output();
  return Error{std::string(program) + ": " + ended.error().what, ended.error().os_errno};
}

Result<std::string> Bench::iperf(std::vector<std::string> client) const {
  const auto server = start_server();
  if (!server) return server.error();
  auto child = Child::start({std::move(client), lab_.network_namespace(End::a)});
  if (!child) return child.error();
  return finish(child.value(), "iperf3");
}

Result<TcpFigures> Bench::tcp_load(const TcpLoad& load) const {
  const auto output = iperf(iperf_tcp_command(tunnel_.address(End::b), load));
  if (!output) return output.error();
  return parse_iperf_tcp(output.value());
}

Result<Figures> Bench::tcp(Metric metric, std::uint32_t streams, bool reverse) const {
  const auto figures = tcp_load({seconds_, streams, reverse});
  if (!figures) return figures.error();
  return Figures{{metric, figures.value().bits_per_second / 1e9}};
}

Result<Figures> Bench::tcp_and_cpu() const {
  const double a = tunnel_.cpu_seconds_of(End::a);
  const double b = tunnel_.cpu_seconds_of(End::b);
  const double machine = machine_cpu_seconds();
  const auto load = tcp_load({seconds_, 1, false});
  if (!load) return load.error();
  Figures figures{{Metric::tcp1, load.value().bits_per_second / 1e9}};
  const double gigabytes = load.value().bytes / 1e9;
  if (gigabytes <= 0) return figures;
  if (!tunnel_.is_plain()) {
    figures.emplace_back(Metric::cpu_a, (tunnel_.cpu_seconds_of(End::a) - a) / gigabytes);
    figures.emplace_back(Metric::cpu_b, (tunnel_.cpu_seconds_of(End::b) - b) / gigabytes);
  }
  figures.emplace_back(Metric::cpu_machine, (machine_cpu_seconds() - machine) / gigabytes);
  return figures;
}

Result<Figures> Bench::udp(std::uint32_t bytes, Metric received, Metric sent, Metric lost) const {
  const auto output = iperf(iperf_udp_command(tunnel_.address(End::b), seconds_, bytes));
  if (!output) return output.error();
  const auto figures = parse_iperf_udp(output.value(), bytes);
  if (!figures) return figures.error();
  return Figures{{received, figures.value().received_per_second / 1e3},
                 {sent, figures.value().sent_per_second / 1e3},
                 {lost, figures.value().lost_percent}};
}

Result<Figures> Bench::ping(Metric p50, Metric p99) const {
  auto child = Child::start(
      {ping_command(tunnel_.address(End::b), seconds_), lab_.network_namespace(End::a)});
  if (!child) return child.error();
  const auto output = finish(child.value(), "ping");
  if (!output) return output.error();
  const std::vector<double> round_trips = parse_ping(output.value());
  if (round_trips.empty()) {
    return Error{"ping: no request was answered: " + last_lines(output.value() + child->errors())};
  }
  return Figures{{p50, *percentile(round_trips, 0.5)}, {p99, *percentile(round_trips, 0.99)}};
}

Result<Figures> Bench::rtt() const {
  return ping(Metric::rtt_p50, Metric::rtt_p99);
}

Result<Figures> Bench::rtt_under_load() const {
  const auto server = start_server();
  if (!server) return server.error();
  // Longer than the pings: it is ended when they have.
  const TcpLoad load{seconds_ + 60, 1, false};
  auto client = Child::start(
      {iperf_tcp_command(tunnel_.address(End::b), load), lab_.network_namespace(End::a)});
  if (!client) return client.error();
  lab_.interrupts().wait_readable(-1, kLoadLead);
  auto figures = ping(Metric::rtt_load_p50, Metric::rtt_load_p99);
  if (figures && client->poll_end()) {
    return Error{"the TCP stream ended early: " + last_lines(client->output())};
  }
  return figures;
}

Result<Figures> Bench::rss() const {
  const Memory a = tunnel_.memory(End::a);
  const Memory b = tunnel_.memory(End::b);
  const auto megabytes = [](std::uint64_t bytes) { return static_cast<double>(bytes) / 1e6; };
  return Figures{{Metric::rss, megabytes(std::max(a.resident_bytes, b.resident_bytes))},
                 {Metric::rss_peak, megabytes(std::max(a.peak_bytes, b.peak_bytes))}};
}

Result<Figures> Bench::rss_thousand() const {
  if (auto added = tunnel_.add_silent_peers(End::a, kThousandLessOne); !added) {
    return added.error();
  }
  lab_.interrupts().wait_readable(-1, kSettle);
  const auto bytes = static_cast<double>(tunnel_.memory(End::a).resident_bytes);
  return Figures{{Metric::rss_thousand, bytes / 1e6}};
}

}  // namespace

Result<Figures> measure(Row row, const Lab& lab, Tunnel& tunnel, std::uint32_t seconds) {
  const Bench bench(lab, tunnel, seconds);
  switch (row) {
    case Row::rtt:
      return bench.rtt();
    case Row::tcp1:
      return bench.tcp_and_cpu();
    case Row::tcp1_reverse:
      return bench.tcp(Metric::tcp1_reverse, 1, true);
    case Row::tcp8:
      return bench.tcp(Metric::tcp8, 8, false);
    case Row::tcp8_reverse:
      return bench.tcp(Metric::tcp8_reverse, 8, true);
    case Row::rtt_load:
      return bench.rtt_under_load();
    case Row::udp64:
      return bench.udp(64, Metric::udp64_received, Metric::udp64_sent, Metric::udp64_loss);
    case Row::udp1300:
      return bench.udp(1300, Metric::udp1300_received, Metric::udp1300_sent, Metric::udp1300_loss);
    case Row::rss:
      return bench.rss();
    case Row::rss_thousand:
      break;
  }
  return bench.rss_thousand();
}

}  // namespace xm::bench
