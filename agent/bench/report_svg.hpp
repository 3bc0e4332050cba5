// The report as a bar chart: a group a figure, a bar a contestant, the spread as a line across its
// end.
#pragma once

#include <string>
#include <string_view>

#include "agent/bench/report.hpp"

namespace xm::bench {

// A whole SVG 1.1 document; its colours follow the reader's light or dark preference.
[[nodiscard]] std::string report_svg(const Report& report);

// For text and attributes of XML. Bytes that XML does not allow become '?'.
[[nodiscard]] std::string escape_xml(std::string_view text);

}  // namespace xm::bench
