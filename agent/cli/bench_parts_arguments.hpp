// The command lines of `bench aead`, `bench path` and `bench receive`.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "agent/ctl/bench_parts_options.hpp"

namespace xm {

// Lives as long as the parser that it hangs its subcommands on.
class BenchPartsArguments {
 public:
  explicit BenchPartsArguments(CLI::App& bench);
  BenchPartsArguments(const BenchPartsArguments&) = delete;
  BenchPartsArguments& operator=(const BenchPartsArguments&) = delete;

  // After the parse.
  [[nodiscard]] bool parsed_aead() const;
  [[nodiscard]] bool parsed_path() const;
  [[nodiscard]] bool parsed_receive() const;
  [[nodiscard]] AeadBenchOptions aead() const { return aead_; }
  [[nodiscard]] PathBenchOptions path() const;
  [[nodiscard]] ReceiveBenchOptions receive() const;

 private:
  CLI::App* aead_app_;
  CLI::App* path_app_;
  CLI::App* receive_app_;
  AeadBenchOptions aead_;
  PathBenchOptions path_;
  ReceiveBenchOptions receive_;
  std::uint32_t size_ = 0;   // 0: not given
  std::uint32_t peers_ = 0;  // the same
  std::string stage_;        // judged by the parser
  std::string path_engine_;  // by the parser, too
  std::vector<std::string> loads_;
  std::string gro_;  // empty: not given
};

}  // namespace xm
