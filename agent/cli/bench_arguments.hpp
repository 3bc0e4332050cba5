// The command line of `xdp-mesh bench`.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "agent/ctl/bench_options.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// What CLI11 fills in, as text.
class BenchArguments {
 public:
  // Adds the options to `app`, which must not outlive this object.
  void add_to(CLI::App& app);

  // After parsing. The error says which value is wrong.
  [[nodiscard]] Result<BenchOptions> take(const CLI::App& app) const;

 private:
  BenchOptions options_;
  std::vector<std::string> peers_;
  std::vector<std::string> aead_;
  std::vector<std::string> io_;
  std::vector<std::string> attach_;
  bool quick_ = false;
};

}  // namespace xm
