// The commands as a person gives them: from the line to the outcome and the files.
#include "agent/cli/mesh_command.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

#include "agent/cli/options.hpp"
#include "agent/store/key_directory.hpp"
#include "tests/support/temporary_directory.hpp"
#include "xdpmesh/clock.hpp"

namespace xm {
namespace {

using test::TemporaryDirectory;

struct Outcome {
  int exit_code = -1;
  std::string out;
  std::string err;
};

std::string written(std::FILE* file) {
  std::rewind(file);
  std::string text;
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) text += static_cast<char>(c);
  std::fclose(file);
  return text;
}

Command parse(const std::string& line) {
  std::vector<std::string> arguments;
  std::istringstream words(line);
  for (std::string word; words >> word;) arguments.push_back(word);
  return parse_command_line(arguments, [](const char* name) -> std::optional<std::string> {
    if (std::string_view(name) == "HOME") return "/nowhere";
    return std::nullopt;
  });
}

// One machine: a directory of keys.
class Machine {
 public:
  Outcome run(const std::string& line) const {
    const Command command = parse(line + " --dir " + path());
    if (const auto* message = std::get_if<Message>(&command)) return {2, "", message->text};
    std::FILE* out = std::tmpfile();
    std::FILE* err = std::tmpfile();
    REQUIRE(out != nullptr);
    REQUIRE(err != nullptr);
    Outcome outcome;
    outcome.exit_code = run_mesh_command(std::get<MeshCommand>(command), out, err);
    outcome.out = written(out);
    outcome.err = written(err);
    return outcome;
  }
  // What it prints, as one word; it has to succeed.
  std::string take(const std::string& line) const {
    Outcome outcome = run(line);
    CAPTURE(line);
    CAPTURE(outcome.err);
    REQUIRE(outcome.exit_code == 0);
    while (!outcome.out.empty() && outcome.out.back() == '\n') outcome.out.pop_back();
    return outcome.out;
  }
  // What it prints, as a file.
  std::string file(const std::string& line) const {
    const std::string name = directory_ / ("file" + std::to_string(files_++));
    std::ofstream(name) << take(line) << "\n";
    return name;
  }
  std::string path() const { return directory_ / "keys"; }
  std::string in(const std::string& name) const { return path() + "/" + name; }
  KeyDirectory keys() const { return KeyDirectory(path()); }

  // Whether the other machine's node, with the certificate it has, is a member for this one.
  Decision judge(const Machine& other, const NodeRecord& wishes = {}) const {
    TrustStore store;
    CHECK(store.load(keys().load_trust()).empty());
    NodeRecord record = wishes;
    record.mesh = "office";
    record.identity = Identity::of(other.keys().load_key(KeyKind::node).value());
    const auto chain = other.keys().load_chain(KeyKind::node);
    return store.decide(record, chain.value() ? &*chain.value() : nullptr,
                        seconds_of(SystemClock().wall()));
  }

 private:
  TemporaryDirectory directory_;
  mutable int files_ = 0;
};

bool says(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

}  // namespace

TEST_CASE("mesh command: keygen makes an identity, once") {
  const Machine machine;
  const std::string identity = machine.take("keygen");
  CHECK(Identity::parse(identity).ok());
  CHECK(says(machine.take("export"), "key " + identity));
  struct stat found {};
  REQUIRE(::stat(machine.in("node.key").c_str(), &found) == 0);
  CHECK((found.st_mode & 07777U) == 0600);
  const Outcome again = machine.run("keygen");
  CHECK(again.exit_code == 1);
  CHECK(says(again.err, "it stays"));
  CHECK(says(machine.take("export"), identity));
}

TEST_CASE("mesh command: trust by key or by exported file, grants by option, and revoke") {
  const Machine a;
  const Machine b;
  const std::string identity = b.take("keygen");
  NodeRecord wishes;
  wishes.subnets = {*Prefix::parse("192.168.4.0/24")};
  CHECK_FALSE(a.judge(b).member);
  a.take("trust " + identity);
  CHECK(a.judge(b, wishes).member);
  CHECK(a.judge(b, wishes).subnets.empty());
  a.take("trust " + b.file("export") + " --label gate --allow-subnet 192.168.0.0/16");
  CHECK(a.judge(b, wishes).subnets == wishes.subnets);
  CHECK(a.judge(b).reason == "authorized key gate");
  a.take("revoke " + identity);
  CHECK_FALSE(a.judge(b).member);
  CHECK(says(a.judge(b).reason, "denied"));
  a.take("trust " + identity);
  CHECK(a.judge(b).member);
}

TEST_CASE("mesh command: what a file asks for is not its to say") {
  const Machine a;
  const Machine b;
  b.take("keygen");
  const std::string file = b.file("export");
  std::ofstream(file, std::ios::app) << "subnet 0.0.0.0/0\n";
  const Outcome outcome = a.run("trust " + file);
  CHECK(outcome.exit_code == 1);
  CHECK(says(outcome.err, "expected one key and its label"));
}

TEST_CASE("mesh command: an organisation's member is in until it is revoked") {
  const Machine office;
  const Machine a;
  const Machine b;
  const std::string organisation = office.take("org keygen");
  const std::string member = b.take("keygen");
  CHECK(says(a.run("trust " + organisation).err, "say --org"));
  a.take("trust --org " + organisation + " --label acme");
  // A label as the only limit is none.
  CHECK_FALSE(a.judge(b).member);
  b.take("trust " + office.file("org sign " + member + " --name web-* --days 3"));
  NodeRecord wishes;
  wishes.names = {"web-1"};
  const Decision decision = a.judge(b, wishes);
  CHECK(decision.reason == "certificate of organisation acme");
  CHECK(decision.names == wishes.names);
  a.take("trust " + office.file("org revoke " + member));
  CHECK_FALSE(a.judge(b).member);
  CHECK(says(a.judge(b).reason, "revoked"));
}

TEST_CASE("mesh command: a delegate signs within its limits, and its end is its members' end") {
  const Machine office;
  const Machine desk;
  const Machine a;
  const Machine b;
  a.take("trust --org " + office.take("org keygen"));
  const std::string delegate = desk.take("org keygen --delegate");
  const std::string member = b.take("keygen");
  CHECK(says(desk.run("org sign " + member).err, "ask the organisation for one"));
  desk.take("trust " +
            office.file("org delegate " + delegate + " --name web-* --mesh office --days 30"));
  CHECK(says(desk.run("org sign " + member + " --name db").err, "granted more than it may"));
  CHECK(says(desk.run("org sign " + member + " --mesh lab").err, "for another mesh"));
  CHECK(says(desk.run("org sign " + member + " --days 31").err, "outlives"));
  CHECK(says(desk.run("org sign " + member + " --until 9999-01-01T00:00:00Z").err, "5 years"));
  CHECK(says(desk.run("org sign " + member + " --until 1999-01-01T00:00:00Z").err, "expire"));
  b.take("trust " + desk.file("org sign " + member + " --name web-1"));
  CHECK(a.judge(b).member);
  a.take("trust " + office.file("org revoke " + delegate));
  CHECK(says(a.judge(b).reason, "revoked the delegate"));
}

TEST_CASE("mesh command: certificates and revocations of others are not taken in") {
  const Machine office;
  const Machine a;
  const Machine b;
  office.take("org keygen");
  a.take("keygen");
  const std::string member = b.take("keygen");
  const std::string certificate = office.file("org sign " + member);
  CHECK(says(a.run("trust " + certificate).err, "expected a certificate for the key that is here"));
  CHECK(says(a.run("trust " + office.file("org revoke " + member)).err,
             "by an organisation that is trusted here"));
}

TEST_CASE("mesh command: kinds of keys are not mixed up") {
  const Machine office;
  const Machine a;
  const std::string organisation = office.take("org keygen");
  const std::string delegate = a.take("org keygen --delegate");
  const std::string node = a.take("keygen");
  CHECK(says(a.run("trust --org " + node).err, "expected the key of an organisation"));
  CHECK(says(a.run("trust " + delegate).err, "through its organisation"));
  CHECK(says(office.run("org sign " + delegate).err, "of the kind \"node\""));
  CHECK(says(office.run("org delegate " + node).err, "of the kind \"delegate\""));
  CHECK(says(office.run("org revoke " + organisation).err, "xdp-mesh revoke"));
  CHECK(says(a.run("revoke " + organisation).err, "not trusted here"));
  CHECK(says(a.run("trust nonsense").err, "expected a key"));
  CHECK(says(a.run("export --org").err, "make one: xdp-mesh org keygen"));
}

TEST_CASE("mesh command: a signed certificate goes to the file that is named") {
  const Machine office;
  office.take("org keygen");
  const Machine a;
  const std::string out = office.in("member.certificate");
  CHECK(office.take("org sign " + a.take("keygen") + " --out " + out).empty());
  CHECK(says(a.take("trust " + out), "certificate of this node, until "));
}

TEST_CASE("mesh command: config check and show") {
  const Machine machine;
  machine.take("keygen");
  CHECK(machine.run("config check mesh0").exit_code == 1);
  std::ofstream(machine.in("mesh0.toml")) << "mesh = \"office\"\n";
  CHECK(says(machine.take("config check mesh0"), "mesh0.toml: right"));
  CHECK(says(machine.take("config check " + machine.in("mesh0.toml")), "right"));
  CHECK(says(machine.take("config show mesh0"), "listen_port = 51820"));
  CHECK(says(machine.take("config show --defaults"), "# Name of the mesh"));
  std::ofstream(machine.in("mesh0.toml")) << "mesh = \"office\"\nport = 1\n";
  CHECK(says(machine.run("config check mesh0").err, "mesh0.toml:2:"));
  std::ofstream(machine.in("a_name_that_is_too_long.toml")) << "mesh = \"office\"\n";
  CHECK(says(machine.run("config check a_name_that_is_too_long").err, "1 to 15 bytes"));
}

TEST_CASE("mesh command: a private key that is not the identity's is an error") {
  const Machine machine;
  machine.take("keygen");
  const std::string file = machine.in("wg.key");
  std::ofstream(file) << "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n";
  REQUIRE(::chmod(file.c_str(), 0600) == 0);
  std::ofstream(machine.in("mesh0.toml"))
      << "mesh = \"office\"\nprivate_key_file = \"" << file << "\"\n";
  CHECK(says(machine.run("config check mesh0").err, "not the identity's"));
}

TEST_CASE("mesh command: what `up` refuses is not right for config check either") {
  const Machine machine;
  machine.take("keygen");
  const auto configure = [&](const std::string& text) {
    std::ofstream(machine.in("mesh0.toml")) << "mesh = \"office\"\n" << text;
  };
  configure("[metrics]\nlisten = \"localhost:9586\"\n");
  CHECK(says(machine.run("config check mesh0").err, "mesh0.toml:3:10: metrics.listen"));

  const std::string file = machine.in("peer.psk");
  configure("[[peer]]\npublic_key = \"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\"\n" +
            ("preshared_key_file = \"" + file + "\"\n"));
  const Outcome missing = machine.run("config check mesh0");
  CHECK(missing.exit_code == 1);
  CHECK(says(missing.err, "preshared_key_file: " + file));
  std::ofstream(file) << "no key\n";
  REQUIRE(::chmod(file.c_str(), 0600) == 0);
  CHECK(says(machine.run("config check mesh0").err, "expected a WireGuard key"));
  std::ofstream(file) << "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n";
  CHECK(says(machine.take("config check mesh0"), "right"));
  REQUIRE(::chmod(file.c_str(), 0644) == 0);
  CHECK(says(machine.run("config check mesh0").err, "chmod 600"));
}

TEST_CASE("mesh command: wrong use is told before anything is done") {
  const Machine machine;
  for (const auto& [line, what] : std::vector<std::pair<std::string, std::string>>{
           {"trust", "KEY|FILE"},
           {"org", "subcommand is required"},
           {"trust x --name Web", "--name: expected a DNS label"},
           {"trust x --allow-subnet 10/8", "--allow-subnet: expected an address, or a prefix"},
           {"trust x --allow-subnet 10.0.0.1/8", "a prefix without host bits, got '10.0.0.1/8'"},
           {"org sign x --mesh Office", "--mesh: expected"},
           {"org sign x --days 0", "--days"},
           {"org sign x --until tomorrow", "--until: expected a time in UTC"},
           {"org sign x --until 2027-02-30T00:00:00Z", "--until: expected a time in UTC"},
           {"org sign x --days 3 --until 2027-01-31T23:59:59Z", "--days excludes --until"},
           {"export --org --delegate", "--org excludes --delegate"},
           {"config show", "expected an interface, or --defaults"}}) {
    CAPTURE(line);
    const Outcome outcome = machine.run(line);
    CAPTURE(outcome.err);
    CHECK(outcome.exit_code == 2);
    CHECK(says(outcome.err, what));
  }
}

}  // namespace xm
