#include "agent/store/counter_file.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temporary_directory.hpp"

namespace xm {

using test::TemporaryDirectory;

TEST_CASE("counter file: what was saved is loaded, by another object too") {
  const TemporaryDirectory directory;
  CounterFile file(directory / "incarnation");
  CHECK(file.load().value() == 0);
  for (const std::uint64_t number : {std::uint64_t{1}, std::uint64_t{41}, UINT64_MAX}) {
    REQUIRE(file.save(number).ok());
    CHECK(CounterFile(directory / "incarnation").load().value() == number);
  }
}

TEST_CASE("counter file: a damaged one is an error and never a zero") {
  const TemporaryDirectory directory;
  CounterFile file(directory / "incarnation");
  REQUIRE(file.save(5).ok());
  std::filesystem::resize_file(directory / "incarnation", 30);
  CHECK_FALSE(file.load().ok());
  std::ofstream(directory / "incarnation", std::ios::trunc).flush();
  CHECK_FALSE(file.load().ok());
  PersistedCounter counter(file);
  CHECK_FALSE(counter.next().ok());
}

TEST_CASE("counter file: one that cannot be written stops the counter") {
  const TemporaryDirectory directory;
  CounterFile file(directory / "missing/incarnation");
  PersistedCounter counter(file);
  CHECK_FALSE(counter.next().ok());
  CHECK(counter.current() == 0);
}

}  // namespace xm
