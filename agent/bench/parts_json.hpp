// What the JSON of `bench aead` and `bench path` has in common.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "agent/bench/figure.hpp"
#include "agent/bench/parts_report.hpp"
#include "xdpmesh/version.hpp"

namespace xm {

using Json = nlohmann::ordered_json;

[[nodiscard]] inline Json to_json(const Figure& figure) {
  return {{"median", figure.median}, {"low", figure.low}, {"high", figure.high}};
}

[[nodiscard]] inline Json report_head(const char* kind) {
  return {{"schema_version", kPartsSchemaVersion}, {"version", kVersion}, {"bench", kind}};
}

// One line, with its end.
[[nodiscard]] inline std::string to_line(Json head, const Json& rest) {
  head.update(rest);
  return head.dump() + "\n";
}

}  // namespace xm
