#include "agent/cli/bench_parts_arguments.hpp"

#include <doctest/doctest.h>

#include <sstream>

#include "agent/cli/options.hpp"

namespace xm {
namespace {

Command parse(const std::string& line) {
  std::vector<std::string> arguments;
  std::istringstream words(line);
  for (std::string word; words >> word;) arguments.push_back(word);
  return parse_command_line(arguments, [](const char*) { return std::nullopt; });
}

}  // namespace

TEST_CASE("bench aead: its options and their defaults") {
  const auto plain = std::get<AeadBenchOptions>(parse("bench aead"));
  CHECK(plain.sizes == std::vector<std::uint32_t>{64, 256, 576, 1024, 1424});
  CHECK(plain.batch == 32);
  CHECK(plain.milliseconds == 100);
  CHECK(plain.json.empty());

  const auto given = std::get<AeadBenchOptions>(
      parse("bench aead --sizes 1,1500 --batch 512 --milliseconds 7 --json -"));
  CHECK(given.sizes == std::vector<std::uint32_t>{1, 1500});
  CHECK(given.batch == 512);
  CHECK(given.milliseconds == 7);
  CHECK(given.json == "-");
}

TEST_CASE("bench path: its options and their defaults") {
  const auto plain = std::get<PathBenchOptions>(parse("bench path"));
  CHECK(plain.packets == 200'000);
  CHECK_FALSE(plain.size.has_value());
  CHECK_FALSE(plain.stage.has_value());
  CHECK_FALSE(plain.aead.has_value());
  CHECK_FALSE(plain.peers.has_value());
  CHECK(std::get<PathBenchOptions>(parse("bench path --peers 1000")).peers == 1000U);
  CHECK(std::get<PathBenchOptions>(parse("bench path")).helpers == 0U);
  CHECK(std::get<PathBenchOptions>(parse("bench path --helpers 3")).helpers == 3U);

  const auto given = std::get<PathBenchOptions>(
      parse("bench path --packets 1000 --size 64 --stage rx --aead libsodium --json out.json"));
  CHECK(given.packets == 1000);
  CHECK(given.size == 64U);
  CHECK(given.stage == PathStage::rx);
  CHECK(given.aead == AeadKind::libsodium);
  CHECK(given.json == "out.json");
  CHECK_FALSE(std::get<PathBenchOptions>(parse("bench path --aead auto")).aead.has_value());
}

TEST_CASE("bench receive: its options and their defaults") {
  const auto plain = std::get<ReceiveBenchOptions>(parse("bench receive"));
  CHECK(plain.milliseconds == 1000);
  CHECK(plain.rounds == 5);
  CHECK(plain.size == 512);
  CHECK(plain.json.empty());
  CHECK(plain.loads.empty());
  CHECK_FALSE(plain.gro.has_value());
  CHECK(plain.moderation_microseconds == 0);
  CHECK(plain.busy_poll_microseconds == 0);

  const auto given = std::get<ReceiveBenchOptions>(
      parse("bench receive --milliseconds 100 --rounds 2 --size 64 --json - --gro off "
            "--loads wrong_mac1,steady_150 --moderation 50 --busy-poll 20"));
  CHECK(given.moderation_microseconds == 50);
  CHECK(given.busy_poll_microseconds == 20);
  CHECK(given.loads == std::vector{ReceiveLoad::wrong_mac1, ReceiveLoad::steady_150});
  CHECK(given.gro == false);
  CHECK(given.milliseconds == 100);
  CHECK(given.rounds == 2);
  CHECK(given.size == 64);
  CHECK(given.json == "-");
}

TEST_CASE("bench: wrong use is exit 2 and says what was expected; help names every option") {
  struct Row {
    const char* line;
    const char* words;
  };
  for (const Row& row :
       {Row{"bench frob", "frob"}, Row{"bench aead --sizes 0", "--sizes"},
        Row{"bench aead --sizes 64,x", "--sizes"}, Row{"bench aead --batch 513", "1 to 512"},
        Row{"bench aead --milliseconds 0", "--milliseconds"},
        Row{"bench path --packets 0", "--packets"}, Row{"bench path --size 1393", "1 to 1392"},
        Row{"bench path --stage lunch", "coalesce"}, Row{"bench path --aead rot13", "libsodium"},
        Row{"bench path --peers 0", "1 to 1000000"}, Row{"bench path --helpers 4", "0 to 3"},
        Row{"bench receive --rounds 0", "1 to 100"}, Row{"bench receive --size 1393", "1 to 1392"},
        Row{"bench receive --milliseconds 99", "100 to"},
        Row{"bench receive --moderation 0", "1 to 1000"},
        Row{"bench receive --loads some", "steady_400"}, Row{"bench receive --gro maybe", "off"},
        Row{"bench aead --stage rx", "--stage"}, Row{"-f bench aead", "before the subcommand"}}) {
    CAPTURE(row.line);
    const Command command = parse(row.line);
    REQUIRE(std::holds_alternative<Message>(command));
    const auto& message = std::get<Message>(command);
    CAPTURE(message.text);
    CHECK(message.exit_code == 2);
    CHECK(message.text.find(row.words) != std::string::npos);
  }
  for (const Row& row :
       {Row{"bench --help", "aead"}, Row{"bench --help", "path"},
        Row{"bench aead --help", "--milliseconds"}, Row{"bench path --help", "classify"},
        Row{"bench receive --help", "--rounds"}}) {
    CAPTURE(row.line);
    const Command command = parse(row.line);
    REQUIRE(std::holds_alternative<Message>(command));
    CHECK(std::get<Message>(command).exit_code == 0);
    CHECK(std::get<Message>(command).text.find(row.words) != std::string::npos);
  }
}

}  // namespace xm
