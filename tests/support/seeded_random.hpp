// Sources of random bytes that are the same in every run.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include "agent/crypto/random.hpp"

namespace xm::test {

class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed = 1) : engine_(seed) {}
  void fill(MutableBytes out) override {
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(engine_());
  }

 private:
  std::mt19937_64 engine_;
};

// Gives the bytes it was given, in order; more are a mistake of the test.
class ScriptedRandom final : public Random {
 public:
  explicit ScriptedRandom(std::vector<std::uint8_t> script) : script_(std::move(script)) {}
  void fill(MutableBytes out) override {
    if (script_.size() - used_ < out.size()) throw std::logic_error("the script has run out");
    std::copy_n(script_.begin() + static_cast<std::ptrdiff_t>(used_), out.size(), out.begin());
    used_ += out.size();
  }

 private:
  std::vector<std::uint8_t> script_;
  std::size_t used_ = 0;
};

}  // namespace xm::test
