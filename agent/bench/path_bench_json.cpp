#include <nlohmann/json.hpp>

#include "agent/bench/parts_json.hpp"
#include "agent/bench/path_bench.hpp"

namespace xm {
namespace {

Json to_json(const WalkReport& walk) {
  Json stages = Json::object();
  for (const StageFigure& stage : walk.stages) {
    stages[std::string(path_stage_name(stage.stage))] = xm::to_json(stage.nanoseconds);
  }
  Json json{{"walk", path_stage_name(walk.walk)},
            {"packets", walk.packets},
            {"arrived", walk.arrived},
            {"stage_nanoseconds", std::move(stages)},
            {"sum_nanoseconds", walk.sum_of_stages()}};
  json["whole_nanoseconds"] = walk.whole.median > 0 ? xm::to_json(walk.whole) : Json(nullptr);
  return json;
}

}  // namespace

std::string path_report_json(const PathReport& report) {
  Json workloads = Json::array();
  for (const PathReport::Workload& workload : report.workloads) {
    Json walks = Json::array();
    for (const WalkReport& walk : workload.walks) walks.push_back(to_json(walk));
    workloads.push_back({{"name", workload.name},
                         {"about", workload.about},
                         {"batch", workload.batch},
                         {"walks", std::move(walks)}});
  }
  return to_line(report_head("path"), {{"aead", report.aead}, {"workloads", std::move(workloads)}});
}

}  // namespace xm
