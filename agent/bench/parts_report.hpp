// How `bench aead` and `bench path` print: tables for people, one JSON object for programs.
#pragma once

#include <cstddef>
#include <cstdio>
#include <functional>
#include <string>

#include "agent/bench/figure.hpp"

namespace xm {

inline constexpr int kPartsSchemaVersion = 1;

// With so many digits after the point.
[[nodiscard]] std::string decimal(double value, int digits);
// Spaces before or after, up to `width` bytes.
[[nodiscard]] std::string pad_left(const std::string& text, std::size_t width);
[[nodiscard]] std::string pad_right(const std::string& text, std::size_t width);
// "12.3 (11.9-13.0)"
[[nodiscard]] std::string figure_text(const Figure& figure);

// The table to `out`, or, where `json` is "-", the object; the object also into the file that
// `json` names, if any. Returns the exit code: 1 with a message on `err` when something could not
// be written.
[[nodiscard]] int print_report(const std::string& text, const std::function<std::string()>& object,
                               const std::string& json, std::FILE* out, std::FILE* err);

}  // namespace xm
