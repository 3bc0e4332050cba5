// How `bench aead` and `bench path` print: tables for people, one JSON object for programs.
#pragma once

#include <cstdio>
#include <functional>
#include <string>

#include "agent/bench/figure.hpp"
#include "agent/bench/text.hpp"

namespace xm {

inline constexpr int kPartsSchemaVersion = 1;

// "12.3 (11.9-13.0)"
[[nodiscard]] std::string figure_text(const Figure& figure);

// The table to `out`, or, where `json` is "-", the object; the object also into the file that
// `json` names, if any. Returns the exit code: 1 with a message on `err` when something could not
// be written.
[[nodiscard]] int print_report(const std::string& text, const std::function<std::string()>& object,
                               const std::string& json, std::FILE* out, std::FILE* err);

}  // namespace xm
