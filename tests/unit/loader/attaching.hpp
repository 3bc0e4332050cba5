// What the cases about attaching share.
#pragma once

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "loader/attached_programs.hpp"
#include "loader/attachment.hpp"
#include "tests/unit/loader/lab.hpp"

namespace xm::test {

inline std::vector<AttachedProgram> programs_on(const std::string& interface) {
  auto found = attached_programs(if_nametoindex(interface.c_str()));
  REQUIRE(found.ok());
  return std::move(found).value();
}

inline std::string steps(const AttachReport& report) {
  std::string text;
  for (const AttachStep& step : report.steps) text += step.to_string() + "\n";
  return text;
}

inline SharedMaps maps() {
  auto made = SharedMaps::create(16);
  REQUIRE(made.ok());
  return std::move(made).value();
}

inline Attachment attach(const SharedMaps& shared, const AttachOptions& options) {
  AttachReport report;
  auto attached = Attachment::attach(shared, options, report);
  if (!attached) FAIL(attached.error().what, "\n", steps(report));
  return std::move(attached).value();
}

inline Error attach_error(const SharedMaps& shared, const AttachOptions& options) {
  AttachReport report;
  auto attached = Attachment::attach(shared, options, report);
  REQUIRE_MESSAGE(!attached.ok(), steps(report));
  return attached.error();
}

// Files below the lab's directory, the bpffs included, without the kernel's own (maps.debug).
inline std::vector<std::string> files(const LoaderLab& lab) {
  namespace fs = std::filesystem;
  std::vector<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(lab.directory.path())) {
    if (entry.path().extension() == ".debug") continue;
    if (!entry.is_directory()) found.push_back(entry.path().string());
  }
  return found;
}

// Whether no program is there; the last descriptor of a link that is closed acts a moment later.
inline bool is_clear(const std::string& interface) {
  for (int look = 0; look < 300 && !programs_on(interface).empty(); ++look) usleep(10'000);
  return programs_on(interface).empty();
}

// Of this process.
inline std::ptrdiff_t open_descriptors() {
  return std::ranges::distance(std::filesystem::directory_iterator("/proc/self/fd"));
}

}  // namespace xm::test
