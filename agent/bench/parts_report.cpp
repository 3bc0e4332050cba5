#include "agent/bench/parts_report.hpp"

#include <cstring>
#include <memory>

#include "xdpmesh/result.hpp"

namespace xm {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { (void)std::fclose(file); }
};

[[nodiscard]] bool write_all(std::FILE* to, const std::string& text) {
  return std::fwrite(text.data(), 1, text.size(), to) == text.size() && std::fflush(to) == 0;
}

Status write_file(const std::string& path, const std::string& text) {
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "we"));
  if (file == nullptr || !write_all(file.get(), text)) {
    return errno_error("cannot write " + path);
  }
  return {};
}

}  // namespace

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
