#include <nlohmann/json.hpp>

#include "agent/bench/aead_bench.hpp"
#include "agent/bench/parts_json.hpp"

namespace xm {

std::string aead_report_json(const AeadReport& report) {
  Json engines = Json::array();
  for (const AeadReport::Engine& engine : report.engines) {
    engines.push_back({{"engine", aead_name(engine.kind)}, {"description", engine.description}});
  }
  Json left_out = Json::array();
  for (const AeadReport::LeftOut& each : report.left_out) {
    left_out.push_back({{"engine", aead_name(each.kind)}, {"reason", each.reason}});
  }
  Json results = Json::array();
  for (const AeadCell& cell : report.cells) {
    results.push_back({{"size", cell.size},
                       {"engine", aead_name(cell.engine)},
                       {"seal_nanoseconds", to_json(cell.seal)},
                       {"open_nanoseconds", to_json(cell.open)},
                       {"fastest", report.fastest(cell.size) == &cell}});
  }
  return to_line(report_head("aead"), {{"batch", report.batch},
                                       {"engines", std::move(engines)},
                                       {"left_out", std::move(left_out)},
                                       {"results", std::move(results)},
                                       {"auto",
                                        {{"small", aead_name(report.choice.small)},
                                         {"large", aead_name(report.choice.large)},
                                         {"small_limit", AeadChoice::kSmallLimit},
                                         {"reason", report.choice.reason}}}});
}

}  // namespace xm
