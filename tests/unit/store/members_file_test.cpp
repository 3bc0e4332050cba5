#include "agent/store/members_file.hpp"

#include <doctest/doctest.h>

#include <fstream>

#include "agent/mesh/identity.hpp"
#include "tests/support/seeded_random.hpp"
#include "tests/support/temporary_directory.hpp"

namespace xm {
namespace {

MemberPlace place(std::uint64_t seed, const char* endpoint) {
  test::SeededRandom random(seed);
  return {Identity::of(generate_signing_key(random)), Endpoint::parse(endpoint).value()};
}

TEST_CASE("members file: what was saved is loaded, and none is no fault") {
  const test::TemporaryDirectory directory;
  const MembersFile file(directory / "members");
  CHECK(file.load().value().empty());
  const std::vector<MemberPlace> places{place(1, "192.0.2.1:51820"), place(2, "[2001:db8::1]:7")};
  REQUIRE(file.save(places).ok());
  CHECK(MembersFile(directory / "members").load().value() == places);
  REQUIRE(file.save({}).ok());
  CHECK(file.load().value().empty());
}

TEST_CASE("members file: no more than there is room for") {
  std::vector<MemberPlace> places;
  for (std::uint64_t i = 0; i < 2 * kMostPlaces; ++i) places.push_back(place(i, "192.0.2.1:9"));
  CHECK(parse_members(members_text(places)).value().size() == kMostPlaces);
  std::string text = members_text({});
  for (const MemberPlace& one : places) text += members_text({one}).substr(text.find('#'));
  CHECK(parse_members(text).value().size() == kMostPlaces);
}

TEST_CASE("members file: a fault has a line, and what was expected") {
  const std::string who = place(1, "192.0.2.1:9").identity.to_string();
  struct Row {
    std::string text;
    const char* words;
  };
  const std::vector<Row> rows{
      {"", "xdp-mesh-members"},
      {"xdp-mesh-trust 1\n", "trust"},
      {"xdp-mesh-members 2\n", "version"},
      {"xdp-mesh-members 1\nnode x\n", "line 2: expected member, got 'node'"},
      {"xdp-mesh-members 1\nmember x\n", "line 2: expected IDENTITY@ADDRESS:PORT"},
      {"xdp-mesh-members 1\n\nmember xm1zz@192.0.2.1:9\n", "line 3: "},
      {"xdp-mesh-members 1\nmember " + who + "@gate:9\n", "expected ADDRESS:PORT, got 'gate:9'"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto parsed = parse_members(row.text);
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.error().what.find(row.words) != std::string::npos);
  }
  const test::TemporaryDirectory directory;
  std::ofstream(directory / "members") << "nonsense\n";
  const auto loaded = MembersFile(directory / "members").load();
  REQUIRE_FALSE(loaded.ok());
  CHECK(loaded.error().what.find(directory / "members") == 0);
}

}  // namespace
}  // namespace xm
