#include "agent/bench/report_svg.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>

#include "tests/support/skip.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/bench/report_sample.hpp"

namespace xm::bench {
namespace {

std::size_t count(const std::string& text, const std::string& word) {
  std::size_t found = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    ++found;
  }
  return found;
}

}  // namespace

TEST_CASE("report_svg: a bar for each contestant of each figure, with its value") {
  const std::string svg = report_svg(test::sample_report());
  // The background, a legend of 7, and 15 medians.
  CHECK(count(svg, "<rect") == 1 + 7 + 15);
  CHECK(svg.find(">6.00 (5.90-6.10)<") != std::string::npos);
  CHECK(svg.find("TCP, 1 stream, a to b, Gbit/s, more is better") != std::string::npos);
  CHECK(svg.find("RTT idle, p50, ms, less is better") != std::string::npos);
  CHECK(svg.find("TCP, 8 streams") == std::string::npos);
  CHECK(svg.find("prefers-color-scheme: dark") != std::string::npos);
  CHECK(svg.find("nan") == std::string::npos);
  CHECK(svg.find("inf\"") == std::string::npos);
}

TEST_CASE("report_svg: names and machines cannot break it") {
  Report report = test::sample_report();
  report.contestants[6].name = "</svg><b a=\"&\">\x01\xff";
  const std::string svg = report_svg(report);
  CHECK(svg.find("&lt;/svg&gt;&lt;b a=&quot;&amp;&quot;&gt;??") != std::string::npos);
  CHECK(svg.find("A &lt;fast&gt; CPU &amp; more") != std::string::npos);
  CHECK(count(svg, "</svg>") == 1);
}

TEST_CASE("report_svg: figures that are zero or below it") {
  Report report = test::sample_report();
  report.add(0, 1, Metric::tcp8, 0);
  report.add(0, 1, Metric::cpu_machine, -1);
  const std::string svg = report_svg(report);
  CHECK(svg.find("nan") == std::string::npos);
  CHECK(svg.find("width=\"-") == std::string::npos);
}

TEST_CASE("report_svg: is well-formed XML, of an empty report too") {
  if (std::system("command -v python3 >/dev/null") != 0) XM_SKIP("python3 is not installed");
  const test::TemporaryDirectory directory;
  Report hostile = test::sample_report();
  hostile.contestants[2].name = "a<b>&\"'\x01\xc3";
  for (const Report& report : {Report{}, test::sample_report(), hostile}) {
    std::ofstream(directory / "chart.svg") << report_svg(report);
    CHECK(std::system(("python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' " +
                       (directory / "chart.svg"))
                          .c_str()) == 0);
  }
}

}  // namespace xm::bench
