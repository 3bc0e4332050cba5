#include "agent/bench/targets.hpp"

#include <algorithm>
#include <string_view>

namespace xm::bench {
namespace {

// What the targets are for.
constexpr double kTcpOverOldGo = 12;
constexpr double kTcpOverNewGo = 2.5;
constexpr double kTcpOverPlain = 0.4;
constexpr double kUdpOverOldGo = 4;
constexpr double kAddedRttMilliseconds = 0.06;
constexpr double kAutoOverForced = 0.95;
constexpr double kRssMegabytes = 32;
constexpr double kRssThousandMegabytes = 64;

class Judge {
 public:
  Judge(const Report& report, std::size_t subject) : report_(report), subject_(subject) {}

  void ratio(Metric metric, std::size_t other, std::optional<double> bound) {
    const auto ours = report_.median(subject_, metric);
    const auto theirs = report_.median(other, metric);
    if (!ours || !theirs || *theirs <= 0) return;
    Target target;
    target.text = std::string(info(metric).title) + " / " + report_.contestants[other].name;
    target.value = *ours / *theirs;
    target.bound = bound;
    targets_.push_back(std::move(target));
  }

  void added_rtt(std::size_t plain) {
    const auto ours = report_.median(subject_, Metric::rtt_p50);
    const auto theirs = report_.median(plain, Metric::rtt_p50);
    if (!ours || !theirs) return;
    targets_.push_back({"RTT idle, p50, added to " + report_.contestants[plain].name,
                        *ours - *theirs, "ms", kAddedRttMilliseconds, false, 3});
  }

  void memory(Metric metric, double bound) {
    const auto ours = report_.median(subject_, metric);
    if (!ours) return;
    targets_.push_back({info(metric).title, *ours, "MB", bound, false, 1});
  }

  [[nodiscard]] std::vector<Target> take() { return std::move(targets_); }

 private:
  const Report& report_;
  std::size_t subject_;
  std::vector<Target> targets_;
};

}  // namespace

std::vector<Target> judge(const Report& report, std::size_t subject) {
  Judge judge(report, subject);
  for (std::size_t i = 0; i < report.contestants.size(); ++i) {
    const Contestant& other = report.contestants[i];
    if (other.kind == ContestantKind::plain) {
      judge.ratio(Metric::tcp1, i, kTcpOverPlain);
      judge.added_rtt(i);
    }
    if (other.kind != ContestantKind::peer) continue;
    const bool is_go = other.name == kWireguardGoName;
    const bool is_new = has_offloads(other.version);
    const auto bound = [&](std::optional<double> beside_old, std::optional<double> beside_new) {
      return is_go ? (is_new ? beside_new : beside_old) : std::nullopt;
    };
    judge.ratio(Metric::tcp1, i, bound(kTcpOverOldGo, kTcpOverNewGo));
    judge.ratio(Metric::udp64_received, i, bound(kUdpOverOldGo, std::nullopt));
    judge.ratio(Metric::udp1300_received, i, bound(kUdpOverOldGo, std::nullopt));
  }
  judge.memory(Metric::rss, kRssMegabytes);
  judge.memory(Metric::rss_thousand, kRssThousandMegabytes);
  return judge.take();
}

std::vector<Target> judge_attached(const Report& report) {
  std::vector<Target> targets;
  for (const std::string_view mode : kBenchAttachModes) {
    const auto median_of = [&](const char* path) -> std::optional<double> {
      const auto index = report.find(attached_name(mode, path));
      return index ? report.median(*index, Metric::tcp1) : std::nullopt;
    };
    const auto chosen = median_of("auto");
    const auto xdp = median_of("xdp");
    const auto socket = median_of("socket");
    if (!chosen || !xdp || !socket) continue;
    Target target;
    target.text = std::string(info(Metric::tcp1).title) + ", " + std::string(mode) +
                  ", rx=auto / better of rx=xdp and rx=socket";
    target.value = *chosen / std::max(*xdp, *socket);
    target.bound = kAutoOverForced;
    targets.push_back(std::move(target));
  }
  return targets;
}

std::vector<std::string> worse_than(const Report& report, std::size_t subject, std::size_t other) {
  std::vector<std::string> worse;
  for (const Metric metric : all_metrics()) {
    const auto ours = report.median(subject, metric);
    const auto theirs = report.median(other, metric);
    if (!ours || !theirs) continue;
    const Better better = info(metric).better;
    if ((better == Better::higher && *ours < *theirs) ||
        (better == Better::lower && *ours > *theirs)) {
      worse.emplace_back(info(metric).title);
    }
  }
  return worse;
}

std::optional<std::size_t> best_without_ipsec_mb(const Report& report) {
  std::optional<std::size_t> best;
  double most = 0;
  for (std::size_t i = 0; i < report.contestants.size(); ++i) {
    const Contestant& one = report.contestants[i];
    const auto rate = report.median(i, Metric::tcp1);
    if (one.kind != ContestantKind::variant || !rate || *rate <= most) continue;
    if (one.name.find(" --aead ") == std::string::npos ||
        one.name.find("ipsec-mb") != std::string::npos) {
      continue;
    }
    best = i;
    most = *rate;
  }
  return best;
}

bool has_offloads(const std::string& wireguard_go_version) {
  constexpr std::string_view kFirst = "20230223";
  const std::size_t dot = wireguard_go_version.rfind('.');
  if (dot == std::string::npos) return false;
  const std::string date = wireguard_go_version.substr(dot + 1, kFirst.size());
  const bool digits =
      std::all_of(date.begin(), date.end(), [](char c) { return c >= '0' && c <= '9'; });
  return date.size() == kFirst.size() && digits && date >= kFirst;
}

}  // namespace xm::bench
