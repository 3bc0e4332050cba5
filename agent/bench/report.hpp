// Everything that a run found out: what the table, the JSON and the chart are made of.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/bench/contestant.hpp"
#include "agent/bench/figures.hpp"
#include "agent/bench/statistics.hpp"

namespace xm::bench {

struct Sample {
  std::uint32_t round = 1;
  double value = 0;  // in the metric's unit
};

struct Machine {
  std::string kernel;
  std::string cpu;
  std::uint32_t cores = 0;
  std::vector<std::string> instruction_sets;  // those of interest that it has
};

// A row that gave no figures.
struct Failure {
  std::string contestant;
  std::string row;  // its key; empty when the contestant did not start
  std::uint32_t round = 1;
  std::string reason;
};

struct Report {
  std::string started;  // UTC, ISO 8601
  std::uint32_t rounds = 1;
  std::uint32_t seconds = 1;
  bool interrupted = false;
  Machine machine;
  std::vector<Contestant> contestants;
  // By contestant, then metric.
  std::vector<std::array<std::vector<Sample>, kMetrics>> samples;
  std::vector<Failure> failures;
  std::vector<std::string> notes;  // who and what is missing, and why

  void add(std::size_t contestant, std::uint32_t round, Metric metric, double value) {
    samples[contestant][static_cast<std::size_t>(metric)].push_back({round, value});
  }
  [[nodiscard]] const std::vector<Sample>& samples_of(std::size_t contestant, Metric metric) const {
    return samples[contestant][static_cast<std::size_t>(metric)];
  }
  // Nothing where nothing was measured.
  [[nodiscard]] std::optional<Summary> summary(std::size_t contestant, Metric metric) const {
    std::vector<double> values;
    for (const Sample& sample : samples_of(contestant, metric)) values.push_back(sample.value);
    return summarize(std::move(values));
  }
  [[nodiscard]] std::optional<double> median(std::size_t contestant, Metric metric) const {
    const auto found = summary(contestant, metric);
    return found ? std::optional(found->median) : std::nullopt;
  }
  // The first contestant of that name.
  [[nodiscard]] std::optional<std::size_t> find(const std::string& name) const {
    for (std::size_t i = 0; i < contestants.size(); ++i) {
      if (contestants[i].name == name) return i;
    }
    return std::nullopt;
  }
};

}  // namespace xm::bench
