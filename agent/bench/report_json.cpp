#include "agent/bench/report_json.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "agent/bench/targets.hpp"
#include "xdpmesh/version.hpp"

namespace xm::bench {
namespace {

using Json = nlohmann::ordered_json;

const char* name_of(ContestantKind kind) {
  switch (kind) {
    case ContestantKind::plain:
      return "plain";
    case ContestantKind::own:
      return "own";
    case ContestantKind::variant:
      return "variant";
    case ContestantKind::peer:
      break;
  }
  return "peer";
}

const char* name_of(Better better) {
  switch (better) {
    case Better::higher:
      return "higher";
    case Better::lower:
      return "lower";
    case Better::neither:
      break;
  }
  return "neither";
}

Json metrics_of(const Report& report, std::size_t contestant) {
  Json metrics = Json::object();
  for (const Metric metric : all_metrics()) {
    const auto summary = report.summary(contestant, metric);
    if (!summary) continue;
    Json samples = Json::array();
    for (const Sample& sample : report.samples_of(contestant, metric)) {
      samples.push_back({{"round", sample.round}, {"value", sample.value}});
    }
    metrics[info(metric).key] = {
        {"unit", info(metric).unit}, {"better", name_of(info(metric).better)},
        {"median", summary->median}, {"min", summary->least},
        {"max", summary->most},      {"samples", std::move(samples)}};
  }
  return metrics;
}

Json contestants_of(const Report& report) {
  Json list = Json::array();
  for (std::size_t i = 0; i < report.contestants.size(); ++i) {
    const Contestant& one = report.contestants[i];
    list.push_back({{"name", one.name},
                    {"kind", name_of(one.kind)},
                    {"command", one.command},
                    {"version", one.version},
                    {"details", one.details},
                    {"metrics", metrics_of(report, i)}});
  }
  return list;
}

void append(Json& list, const std::string& contestant, const std::vector<Target>& targets) {
  for (const Target& target : targets) {
    list.push_back({{"contestant", contestant},
                    {"text", target.text},
                    {"value", target.value},
                    {"unit", target.unit},
                    {target.at_least ? "at_least" : "at_most",
                     target.bound ? Json(*target.bound) : Json(nullptr)},
                    {"met", target.bound ? Json(target.met()) : Json(nullptr)}});
  }
}

Json targets_of(const Report& report) {
  Json list = Json::array();
  for (const auto subject : {report.find(kOwnName), best_without_ipsec_mb(report)}) {
    if (subject) append(list, report.contestants[*subject].name, judge(report, *subject));
  }
  append(list, kOwnName + " --attach", judge_attached(report));
  return list;
}

Json failures_of(const Report& report) {
  Json list = Json::array();
  for (const Failure& failure : report.failures) {
    list.push_back({{"contestant", failure.contestant},
                    {"row", failure.row.empty() ? Json(nullptr) : Json(failure.row)},
                    {"round", failure.round},
                    {"reason", failure.reason}});
  }
  return list;
}

}  // namespace

std::string report_json(const Report& report) {
  const Json json{{"schema_version", kReportSchemaVersion},
                  {"version", kVersion},
                  {"started", report.started},
                  {"interrupted", report.interrupted},
                  {"rounds", report.rounds},
                  {"seconds", report.seconds},
                  {"machine",
                   {{"cpu", report.machine.cpu},
                    {"cores", report.machine.cores},
                    {"instruction_sets", report.machine.instruction_sets},
                    {"kernel", report.machine.kernel}}},
                  {"contestants", contestants_of(report)},
                  {"targets", targets_of(report)},
                  {"failures", failures_of(report)},
                  {"notes", report.notes}};
  // What a failed program said may be any bytes: what is no UTF-8 is replaced.
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace xm::bench
