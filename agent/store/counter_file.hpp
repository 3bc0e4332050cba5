// A counter that outlives the process, in a file of its own (armour.hpp, kind "counter"):
// agent/mesh/incarnation.hpp says what for.
#pragma once

#include <string>

#include "agent/mesh/incarnation.hpp"

namespace xm {

class CounterFile final : public CounterStore {
 public:
  explicit CounterFile(std::string path) : path_(std::move(path)) {}

  [[nodiscard]] Result<std::uint64_t> load() override;
  [[nodiscard]] Status save(std::uint64_t number) override;

 private:
  std::string path_;
};

}  // namespace xm
