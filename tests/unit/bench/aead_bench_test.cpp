#include "agent/bench/aead_bench.hpp"

#include <doctest/doctest.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/temporary_directory.hpp"

namespace xm {
namespace {

AeadReport small_report() {
  return measure_aead({.sizes = {1, 64}, .batch = 3, .milliseconds = 1, .json = ""});
}

std::string read_file(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("bench aead: every engine is measured at every size, or left out with its reason") {
  const AeadReport report = small_report();
  CHECK(report.engines.size() == available_aead_kinds().size());
  CHECK(report.engines.size() + report.left_out.size() == kAeadKinds.size());
  for (const AeadReport::LeftOut& each : report.left_out) CHECK_FALSE(each.reason.empty());
  REQUIRE(report.cells.size() == 2 * report.engines.size());
  for (const AeadCell& cell : report.cells) {
    CHECK(cell.seal.median > 0);
    CHECK(cell.open.median > 0);
    CHECK(cell.seal.low <= cell.seal.median);
    CHECK(cell.seal.median <= cell.seal.high);
    REQUIRE(report.fastest(cell.size) != nullptr);
  }
  CHECK(report.fastest(1)->size == 1);
  CHECK(report.fastest(65) == nullptr);
  CHECK(report.choice.reason.starts_with("measured: "));
}

TEST_CASE("bench aead: the table and the JSON say the same") {
  AeadReport report;
  report.batch = 5;
  report.sizes = {100};
  report.engines = {{AeadKind::ipsec_mb, "ipsec-mb (AVX2)"}, {AeadKind::libsodium, "libsodium"}};
  report.left_out = {{AeadKind::openssl, "no such luck"}};
  report.cells = {{.engine = AeadKind::ipsec_mb,
                   .size = 100,
                   .seal = {.median = 200, .low = 100, .high = 300},
                   .open = {.median = 50, .low = 40, .high = 60}},
                  {.engine = AeadKind::libsodium,
                   .size = 100,
                   .seal = {.median = 120, .low = 100, .high = 300},
                   .open = {.median = 120, .low = 40, .high = 160}}};
  report.choice.reason = "by heart";

  const std::string text = aead_report_text(report);
  for (const char* words : {"batches of 5", "200 (100-300)", "50.0 (40.0-60.0)", " 0.50", " 2.00",
                            "left out: no such luck", "ipsec-mb is ipsec-mb (AVX2)",
                            "auto would take libsodium up to 256 B", "by heart"}) {
    CAPTURE(words);
    CHECK(text.find(words) != std::string::npos);
  }
  const std::size_t winner = text.find("fastest");
  CHECK(text.rfind("libsodium", winner) > text.rfind("ipsec-mb", winner));
  CHECK(text.find("fastest", winner + 1) == std::string::npos);

  const auto json = nlohmann::json::parse(aead_report_json(report));
  CHECK(json["bench"] == "aead");
  CHECK(json["results"][0]["seal_nanoseconds"]["median"] == 200);
  CHECK(json["results"][0]["fastest"] == false);
  CHECK(json["results"][1]["fastest"] == true);
  CHECK(json["left_out"][0]["reason"] == "no such luck");
  CHECK(json["auto"]["small"] == "libsodium");
}

TEST_CASE("bench aead: table and JSON go where they were asked to go") {
  const test::TemporaryDirectory directory;
  AeadBenchOptions options{
      .sizes = {64}, .batch = 1, .milliseconds = 1, .json = directory / "json"};
  const std::string out_path = directory / "out";
  const std::string err_path = directory / "err";
  std::FILE* const out = std::fopen(out_path.c_str(), "w");
  std::FILE* const err = std::fopen(err_path.c_str(), "w");

  CHECK(bench_aead(options, out, err) == 0);
  CHECK(read_file(out_path).find("fastest") != std::string::npos);
  CHECK(nlohmann::json::parse(read_file(directory / "json"))["bench"] == "aead");

  options.json = "-";
  std::rewind(out);
  CHECK(ftruncate(fileno(out), 0) == 0);
  CHECK(bench_aead(options, out, err) == 0);
  CHECK(nlohmann::json::parse(read_file(out_path))["batch"] == 1);

  CHECK(read_file(err_path).empty());
  options.json = directory / "no" + "/such/folder";
  CHECK(bench_aead(options, out, err) == 1);
  std::fclose(err);
  CHECK(read_file(err_path).find("cannot write") != std::string::npos);
  std::fclose(out);
}

}  // namespace xm
