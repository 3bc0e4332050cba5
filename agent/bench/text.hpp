// Numbers and columns as the tables of all benches print them.
#pragma once

#include <cstddef>
#include <string>

namespace xm {

// With so many digits after the point.
[[nodiscard]] std::string decimal(double value, int digits);
// Spaces before or after, up to `width` bytes.
[[nodiscard]] std::string pad_left(const std::string& text, std::size_t width);
[[nodiscard]] std::string pad_right(const std::string& text, std::size_t width);

}  // namespace xm
