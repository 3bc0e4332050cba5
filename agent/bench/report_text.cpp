#include "agent/bench/report_text.hpp"

#include <algorithm>

#include "agent/bench/targets.hpp"
#include "agent/bench/text.hpp"
#include "xdpmesh/version.hpp"

namespace xm::bench {
namespace {

constexpr std::size_t kColumnsATable = 4;

using Line = std::vector<std::string>;

// Columns as wide as their widest cell, the first one and the second to the left, figures too: the
// spread behind them makes their ends ragged.
std::string layout(const std::vector<Line>& lines) {
  std::vector<std::size_t> widths;
  for (const Line& line : lines) {
    widths.resize(std::max(widths.size(), line.size()));
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string text;
  for (const Line& line : lines) {
    std::string row;
    for (std::size_t i = 0; i < line.size(); ++i) row += pad_right(line[i], widths[i] + 2);
    row.erase(row.find_last_not_of(' ') + 1);
    text += row + "\n";
  }
  return text;
}

std::string join(const std::vector<std::string>& words, const char* separator) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : separator) + word;
  return text;
}

std::string header(const Report& report) {
  const Machine& machine = report.machine;
  const std::string sets =
      machine.instruction_sets.empty() ? "none of interest" : join(machine.instruction_sets, " ");
  std::vector<Line> lines{
      {"machine:",
       machine.cpu + ", " + std::to_string(machine.cores) + " core(s), both ends share them"},
      {"instruction sets:", sets},
      {"kernel:", machine.kernel},
      {"started:", report.started + ", " + std::to_string(report.rounds) + " round(s), " +
                       std::to_string(report.seconds) + " s a row, interleaved"}};
  for (const Contestant& one : report.contestants) {
    if (one.version.empty() && one.details.empty()) continue;
    lines.push_back(
        {one.name + ":", join({one.version, one.details}, one.details.empty() ? "" : ", ")});
  }
  std::string text = "xdp-mesh bench " + std::string(kVersion);
  if (report.interrupted) text += " (interrupted: what had been measured by then)";
  return text + "\n" + layout(lines);
}

std::string cell(const Report& report, std::size_t contestant, Metric metric) {
  const auto summary = report.summary(contestant, metric);
  if (!summary) return "-";
  return show_summary(*summary, report.samples_of(contestant, metric).size(),
                      info(metric).decimals);
}

// Metrics that none of the columns has are left out; empty when that is all of them.
std::string table(const Report& report, const std::vector<std::size_t>& columns) {
  Line heading{"median (least-most)", "unit"};
  for (const std::size_t column : columns) heading.push_back(report.contestants[column].name);
  std::vector<Line> lines{heading};
  for (const Metric metric : all_metrics()) {
    Line line{info(metric).title, info(metric).unit};
    bool any = false;
    for (const std::size_t column : columns) {
      line.push_back(cell(report, column, metric));
      any = any || line.back() != "-";
    }
    if (any) lines.push_back(std::move(line));
  }
  return lines.size() == 1 ? std::string() : "\n" + layout(lines);
}

bool has_samples(const Report& report, std::size_t contestant) {
  const auto& samples = report.samples[contestant];
  return std::any_of(samples.begin(), samples.end(), [](const auto& of) { return !of.empty(); });
}

// Ours and the others in one table; our variants beside the default in another.
std::string tables(const Report& report) {
  std::vector<std::size_t> full;
  std::vector<std::size_t> variants;
  for (std::size_t i = 0; i < report.contestants.size(); ++i) {
    if (!has_samples(report, i)) continue;
    (report.contestants[i].kind == ContestantKind::variant ? variants : full).push_back(i);
  }
  std::string text;
  for (auto* columns : {&full, &variants}) {
    for (std::size_t begin = 0; begin < columns->size(); begin += kColumnsATable) {
      const auto first = columns->begin() + static_cast<std::ptrdiff_t>(begin);
      const auto end = std::min(begin + kColumnsATable, columns->size());
      text += table(report, {first, columns->begin() + static_cast<std::ptrdiff_t>(end)});
    }
  }
  return text.empty() ? "\nnothing was measured\n" : text;
}

std::string target_table(const std::string& title, const std::vector<Target>& targets) {
  if (targets.empty()) return {};
  std::vector<Line> lines{{title, "value", "target", ""}};
  for (const Target& target : targets) {
    const std::string unit = target.unit.empty() ? " x" : " " + target.unit;
    Line line{target.text, decimal(target.value, target.decimals) + unit};
    if (target.bound) {
      line.push_back((target.at_least ? ">= " : "<= ") + decimal(*target.bound, target.decimals));
      line.emplace_back(target.met() ? "met" : "MISSED");
    }
    lines.push_back(std::move(line));
  }
  return "\n" + layout(lines);
}

std::string targets_of(const Report& report, std::size_t subject) {
  return target_table(report.contestants[subject].name, judge(report, subject));
}

std::string verdict(const Report& report) {
  std::string text = target_table(kOwnName + " --attach", judge_attached(report));
  const auto ours = report.find(kOwnName);
  if (!ours) return text;
  text += targets_of(report, *ours);
  if (const auto other = best_without_ipsec_mb(report)) {
    text += "\nWithout IPsec-MB:" + targets_of(report, *other);
  }
  const auto go = report.find(kWireguardGoName);
  if (!go || !report.median(*ours, Metric::tcp1)) return text;
  const std::vector<std::string> worse = worse_than(report, *ours, *go);
  text += worse.empty() ? "\nxdp-mesh is behind wireguard-go in no row.\n"
                        : "\nxdp-mesh is behind wireguard-go in: " + join(worse, "; ") + "\n";
  return text;
}

std::string remarks(const Report& report) {
  std::string text;
  for (const std::string& note : report.notes) text += "  " + note + "\n";
  for (const Failure& failure : report.failures) {
    text += "  " + failure.contestant + ", round " + std::to_string(failure.round) +
            (failure.row.empty() ? "" : ", " + failure.row) + ": " + failure.reason + "\n";
  }
  return text.empty() ? text : "\nLeft out or failed:\n" + text;
}

}  // namespace

std::string show_summary(const Summary& summary, std::size_t samples, int decimals) {
  std::string text = decimal(summary.median, decimals);
  if (samples > 1) {
    text += " (" + decimal(summary.least, decimals) + "-" + decimal(summary.most, decimals) + ")";
  }
  return text;
}

std::string report_text(const Report& report) {
  return header(report) + tables(report) + verdict(report) + remarks(report);
}

}  // namespace xm::bench
