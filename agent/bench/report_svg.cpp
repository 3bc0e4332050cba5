#include "agent/bench/report_svg.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "agent/bench/report_text.hpp"
#include "xdpmesh/version.hpp"

namespace xm::bench {
namespace {

// All in user units.
constexpr double kWidth = 860;
constexpr double kMargin = 20;
constexpr double kBarsLeft = 200;
constexpr double kBarsWidth = 470;  // what is right of it holds the values
constexpr double kBarHeight = 13;
constexpr double kBarStep = 18;
constexpr double kGroupHead = 24;
constexpr double kGroupGap = 14;
constexpr double kTitleHeight = 74;
constexpr double kLegendStep = 18;
constexpr std::size_t kLegendColumns = 4;

constexpr const char* kStyle =
    "  <style>\n"
    "    svg { font: 12px system-ui, sans-serif; background: #ffffff }\n"
    "    .back { fill: #ffffff } text { fill: #1f2328 } .dim { fill: #59636e }\n"
    "    .title { font-size: 17px; font-weight: 600 } .head { font-weight: 600 }\n"
    "    .spread { stroke: #1f2328; stroke-width: 1.2 } .axis { stroke: #d1d9e0 }\n"
    "    @media (prefers-color-scheme: dark) {\n"
    "      svg { background: #0d1117 } .back { fill: #0d1117 } text { fill: #e6edf3 }\n"
    "      .dim { fill: #9198a1 } .spread { stroke: #e6edf3 } .axis { stroke: #3d444d }\n"
    "    }\n"
    "  </style>\n";

// Readable on white and on near black; the first is plain veth's, the second ours.
constexpr std::array<const char*, 10> kColours{"#8b949e", "#2f81f7", "#e3872d", "#3fa45b",
                                               "#a371f7", "#d95a8a", "#1fa3a3", "#b59a1b",
                                               "#c4513f", "#6a7fdb"};

const char* colour(std::size_t contestant) {
  return kColours[contestant % kColours.size()];
}

class Drawing {
 public:
  void text(double x, double y, const char* style, std::string_view content) {
    add("  <text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, style);
    out_ += escape_xml(content) + "</text>\n";
  }
  void text_to_left_of(double x, double y, std::string_view content) {
    add("  <text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">", x, y);
    out_ += escape_xml(content) + "</text>\n";
  }
  void box(double x, double y, double width, double height, const char* fill) {
    add("  <rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"2\" fill=\"%s\"/>\n", x,
        y, width, height, fill);
  }
  void line(double x1, double y1, double x2, double y2, const char* style) {
    add("  <line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>\n", x1, y1, x2, y2,
        style);
  }
  [[nodiscard]] const std::string& content() const { return out_; }

 private:
  template <typename... Values>
  void add(const char* format, Values... values) {
    std::array<char, 256> text{};
    std::snprintf(text.data(), text.size(), format, values...);
    out_ += text.data();
  }

  std::string out_;
};

struct Bar {
  std::size_t contestant = 0;
  Summary summary;
  std::size_t samples = 0;
};

std::vector<Bar> bars_of(const Report& report, Metric metric) {
  std::vector<Bar> bars;
  for (std::size_t i = 0; i < report.contestants.size(); ++i) {
    const auto summary = report.summary(i, metric);
    if (summary) bars.push_back({i, *summary, report.samples_of(i, metric).size()});
  }
  return bars;
}

void draw_bar(Drawing& drawing, const Report& report, const Bar& bar, double y, double scale,
              int decimals) {
  const double middle = y + kBarHeight / 2;
  const auto x_of = [&](double value) { return kBarsLeft + std::max(value, 0.0) * scale; };
  drawing.text_to_left_of(kBarsLeft - 8, y + kBarHeight - 3,
                          report.contestants[bar.contestant].name);
  drawing.box(kBarsLeft, y, x_of(bar.summary.median) - kBarsLeft, kBarHeight,
              colour(bar.contestant));
  const double least = x_of(bar.summary.least);
  const double most = x_of(bar.summary.most);
  if (bar.samples > 1) {
    drawing.line(least, middle, most, middle, "spread");
    drawing.line(least, middle - 3, least, middle + 3, "spread");
    drawing.line(most, middle - 3, most, middle + 3, "spread");
  }
  drawing.text(std::max(most, x_of(bar.summary.median)) + 7, y + kBarHeight - 3, "dim",
               show_summary(bar.summary, bar.samples, decimals));
}

// Returns where the next group begins.
double draw_group(Drawing& drawing, const Report& report, Metric metric, double y) {
  const std::vector<Bar> bars = bars_of(report, metric);
  if (bars.empty()) return y;
  double most = 0;
  for (const Bar& bar : bars) most = std::max(most, bar.summary.most);
  const double scale = most > 0 ? kBarsWidth / most : 0;
  const MetricInfo& what = info(metric);
  const char* hint = what.better == Better::higher  ? ", more is better"
                     : what.better == Better::lower ? ", less is better"
                                                    : "";
  drawing.text(kMargin, y + 14, "head", std::string(what.title) + ", " + what.unit + hint);
  y += kGroupHead;
  const double bottom = y + static_cast<double>(bars.size()) * kBarStep - (kBarStep - kBarHeight);
  drawing.line(kBarsLeft, y - 2, kBarsLeft, bottom + 2, "axis");
  for (const Bar& bar : bars) {
    draw_bar(drawing, report, bar, y, scale, what.decimals);
    y += kBarStep;
  }
  return y + kGroupGap;
}

double draw_legend(Drawing& drawing, const Report& report, double y) {
  constexpr double kColumn = (kWidth - 2 * kMargin) / kLegendColumns;
  for (std::size_t i = 0; i < report.contestants.size(); ++i) {
    const double x = kMargin + static_cast<double>(i % kLegendColumns) * kColumn;
    if (i > 0 && i % kLegendColumns == 0) y += kLegendStep;
    drawing.box(x, y, 11, 11, colour(i));
    drawing.text(x + 17, y + 10, "name", report.contestants[i].name);
  }
  return y + kLegendStep + kGroupGap;
}

}  // namespace

std::string report_svg(const Report& report) {
  Drawing drawing;
  drawing.text(
      kMargin, 28, "title",
      "xdp-mesh bench " + std::string(kVersion) + (report.interrupted ? " (interrupted)" : ""));
  drawing.text(kMargin, 46, "dim",
               report.machine.cpu + ", " + std::to_string(report.machine.cores) + " core(s)");
  drawing.text(kMargin, 62, "dim",
               report.machine.kernel + ", " + report.started + ", medians of " +
                   std::to_string(report.rounds) + " round(s), lines from least to most");
  double y = draw_legend(drawing, report, kTitleHeight);
  for (const Metric metric : all_metrics()) y = draw_group(drawing, report, metric, y);
  std::array<char, 256> head{};
  std::snprintf(head.data(), head.size(),
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
                "viewBox=\"0 0 %.0f %.0f\">\n",
                kWidth, y, kWidth, y);
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + std::string(head.data()) + kStyle +
         "  <rect class=\"back\" width=\"100%\" height=\"100%\"/>\n" + drawing.content() +
         "</svg>\n";
}

std::string escape_xml(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default: {
        // Control characters, and whatever may be no UTF-8.
        const auto byte = static_cast<unsigned char>(c);
        escaped += byte < 0x20 || byte >= 0x7f ? '?' : c;
      }
    }
  }
  return escaped;
}

}  // namespace xm::bench
