// The mesh's text files: trust_text, armour, key_file and the lines they are made of.
#include <doctest/doctest.h>

#include "agent/mesh/armour.hpp"
#include "agent/mesh/key_file.hpp"
#include "agent/mesh/text_lines.hpp"
#include "agent/mesh/trust_text.hpp"
#include "tests/unit/mesh/golden.hpp"
#include "tests/unit/mesh/trust_samples.hpp"

namespace xm {
namespace {

bool says(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}
std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const std::size_t at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), by);
}
std::string key_fault(const std::string& text, KeyKind kind = KeyKind::node) {
  const auto key = parse_key_file(kind, text);
  return key.ok() ? "" : key.error().what;
}
std::string key_text_of(std::uint8_t number) {
  const SecretText text = key_file_text(KeyKind::node, test::key_number(number));
  return {text.begin(), text.end()};
}
std::string trust_fault(const std::string& text) {
  const auto entries = parse_trust(KeyKind::node, text);
  return entries.ok() ? "" : entries.error().what;
}

}  // namespace

TEST_CASE("text lines: blank lines, comments and carriage returns say nothing") {
  TextLines lines("# one\r\n\r\n  xdp-mesh-trust   1 \r\n\tkey  a b \n#\nlast");
  auto line = lines.next();
  REQUIRE(line.has_value());
  CHECK(line->number == 3);
  CHECK(line->keyword == "xdp-mesh-trust");
  CHECK(line->value == "1");
  line = lines.next();
  REQUIRE(line.has_value());
  CHECK(line->keyword == "key");
  CHECK(line->value == "a b");
  line = lines.next();
  REQUIRE(line.has_value());
  CHECK(line->number == 6);
  CHECK(line->value.empty());
  CHECK_FALSE(lines.next().has_value());
}

TEST_CASE("text lines: the first line names kind and version, and errors say what came") {
  const auto fault = [](std::string_view text) {
    TextLines lines(text);
    const Status first = take_first_line(lines, "trust");
    return first.ok() ? "" : first.error().what;
  };
  CHECK(fault("xdp-mesh-trust 1\n").empty());
  CHECK(says(fault(""), "there is nothing"));
  CHECK(says(fault("\nkey x\n"), "line 2: expected \"xdp-mesh-trust 1\" as the first line"));
  CHECK(says(fault("xdp-mesh-key 1\n"), "this file is a key"));
  CHECK(says(fault("xdp-mesh-trust 2\n"), "a newer xdp-mesh"));
  CHECK(text_kind("xdp-mesh-certificate 9") == "certificate");
  CHECK(text_kind("xdp-mesh-../x 1") == std::nullopt);
  CHECK(text_kind("[mesh]") == std::nullopt);
}

TEST_CASE("key file: it is what a released version wrote, and comes back") {
  CHECK(key_text_of(1) == test::golden("node.key") + "\n");
  for (const KeyKind kind : {KeyKind::node, KeyKind::organisation, KeyKind::delegate}) {
    const SecretText text = key_file_text(kind, test::key_number(5));
    const auto key = parse_key_file(kind, text);
    REQUIRE(key.ok());
    CHECK(key.value() == test::key_number(5));
    for (const KeyKind other : {KeyKind::node, KeyKind::organisation, KeyKind::delegate}) {
      CHECK(parse_key_file(other, text).ok() == (other == kind));
    }
  }
}

TEST_CASE("key file: errors name the line and what is wrong, and never the key") {
  const std::string good = key_text_of(1);
  const std::string seed = good.substr(good.find("seed ") + 5, 52);
  std::string wrong = seed;
  wrong[10] = wrong[10] == 'a' ? 'b' : 'a';
  for (const auto& [text, what] : std::vector<std::pair<std::string, std::string>>{
           {replaced(good, "kind node", "kind delegate"), "line 3: expected the key of the kind"},
           {replaced(good, seed, wrong), "line 6: the checksum is wrong"},
           {replaced(good, seed, seed.substr(1)), "line 5: expected 52 characters"},
           {replaced(good, "seed ", "seed"), "line 5: expected a line \"seed …\""},
           {replaced(good, test::identity_number(1).to_string(),
                     test::identity_number(2).to_string()),
            "line 4: expected the public key that belongs"},
           {good + "more\n", "line 7: expected nothing"},
           {good.substr(0, good.find("checksum")), "line 5: expected a line \"checksum …\" after"},
           {good.substr(0, good.find("kind")), "line 1: expected a line \"kind …\" after"}}) {
    const std::string fault = key_fault(text);
    CAPTURE(fault);
    CHECK(says(fault, what));
    CHECK_FALSE(says(fault, seed.substr(0, 8)));
  }
}

TEST_CASE("armour: bytes of every length come back, and every wrong character is found") {
  for (std::size_t size = 0; size < 130; ++size) {
    const auto bytes = test::noise(size, 7);
    const auto opened = open_armour("record", armour("record", bytes, "for people\nin lines"), 200);
    REQUIRE(opened.ok());
    CHECK(opened.value() == bytes);
  }
  const std::string text = armour("revocation", test::revocation_of(1).bytes());
  CHECK(text == test::golden("revocation.txt") + "\n");
  for (std::size_t i = 0; i < text.size() - 1; ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'q' ? 'r' : 'q';
    CHECK_FALSE(open_armour("revocation", changed, kRevocationSize).ok());
  }
}

TEST_CASE("armour: errors name the line") {
  const auto fault = [](const std::string& text, std::size_t most = 200) {
    const auto opened = open_armour("record", text, most);
    return opened.ok() ? "" : opened.error().what;
  };
  const std::string good = armour("record", test::noise(90, 1));
  CHECK(fault(good).empty());
  CHECK(says(fault(good, 89), "line 4: expected at most 89 bytes"));
  CHECK(says(fault(good.substr(0, good.find("checksum"))), "line 4: expected a line \"checksum"));
  CHECK(says(fault(good + "x\n"), "line 6: expected nothing"));
  CHECK(says(fault(armour("certificate", test::noise(90, 1))), "this file is a certificate"));
  CHECK(says(fault(replaced(good, "bytes ", "bytes Q")), "line 2: expected \"bytes\""));
}

TEST_CASE("trust text: entries come back, several in a file") {
  const std::vector<TrustEntry> entries{
      {KeyKind::node, test::public_number(1), "laptop of ops", test::sample_grants(), true},
      {KeyKind::node, test::public_number(2), "", {}, false}};
  const auto parsed = parse_trust(KeyKind::node, trust_text(entries));
  REQUIRE(parsed.ok());
  CHECK(parsed.value() == entries);
  CHECK(trust_text(entries) == test::golden("trust.txt") + "\n");
}

TEST_CASE("trust text: errors name the line") {
  const std::string key = "key " + test::identity_number(1).to_string() + "\n";
  CHECK(trust_fault("xdp-mesh-trust 1\n" + key).empty());
  CHECK(says(trust_fault("xdp-mesh-trust 1\nsubnet 10.0.0.0/8\n"), "line 2: expected \"key …\""));
  // A line that was cut short, from /24.
  CHECK(says(trust_fault("xdp-mesh-trust 1\n" + key + "subnet 10.1.0.0/2\n"),
             "line 3: expected an address, or a prefix without host bits"));
  CHECK(says(trust_fault("xdp-mesh-trust 1\n" + key + "subnet 10.0.0.0/33\n"),
             "line 3: expected an"));
  CHECK(says(trust_fault("xdp-mesh-trust 1\n" + key + "subnets 10.0.0.0/8\n"),
             "line 3: expected key, label, name, address or subnet"));
  CHECK(says(trust_fault("xdp-mesh-trust 1\n" + key + "name Web\n"), "line 3: expected a name"));
  CHECK(says(trust_fault("xdp-mesh-trust 1\n" + key + "label \xff\n"), "line 3: expected a label"));
  CHECK(says(trust_fault("xdp-mesh-trust 1\nkey " +
                         key_text(KeyKind::organisation, test::public_number(1)) + "\n"),
             "line 2: expected a key of the kind \"node\""));
}

TEST_CASE("trust text: a denial comes back, and its errors name the line") {
  const auto denied =
      parse_denial(denial_text({test::identity_number(1), test::identity_number(2)}));
  REQUIRE(denied.ok());
  CHECK(denied.value() == std::vector{test::identity_number(1), test::identity_number(2)});
  CHECK_FALSE(parse_denial("xdp-mesh-denial 1\nlabel x\n").ok());
  CHECK_FALSE(parse_denial("xdp-mesh-denial 1\nkey xm1\n").ok());
  CHECK_FALSE(parse_denial("xdp-mesh-trust 1\n").ok());
}

}  // namespace xm
