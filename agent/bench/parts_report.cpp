#include "agent/bench/parts_report.hpp"

#include "agent/bench/write_file.hpp"

namespace xm {

std::string figure_text(const Figure& figure) {
  const int digits = figure.high < 100 ? 1 : 0;
  return decimal(figure.median, digits) + " (" + decimal(figure.low, digits) + "-" +
         decimal(figure.high, digits) + ")";
}

int print_report(const std::string& text, const std::function<std::string()>& object,
                 const std::string& json, std::FILE* out, std::FILE* err) {
  const bool json_instead = json == "-";
  if (!write_all(out, json_instead ? object() : text)) {
    (void)std::fprintf(err, "xdp-mesh: cannot write the report to standard output\n");
    return 1;
  }
  if (json.empty() || json_instead) return 0;
  if (const Status written = write_file(json, object()); !written.ok()) {
    (void)std::fprintf(err, "xdp-mesh: %s\n", written.error().what.c_str());
    return 1;
  }
  return 0;
}

}  // namespace xm
