#include "agent/io/file_watcher.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "tests/support/temporary_directory.hpp"

using namespace xm;

namespace {

namespace fs = std::filesystem;

constexpr Instant kStart{10'000'000'000};

void write(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

// A key directory `keys` inside of a temporary one, and what watches it.
struct Lab {
  explicit Lab(bool there = true) {
    if (there) {
      fs::create_directory(keys);
      fs::create_directory(keys + "/orgs");
    }
    auto opened =
        FileWatcher::open({keys, {"wg0.toml", "node.certificate"}, {"authorized_keys", "orgs"}});
    REQUIRE_MESSAGE(opened.ok(), opened.error().what);
    watcher.emplace(std::move(opened).value());
    CHECK_FALSE(changed());
  }
  // Whether something was noted since the last call.
  [[nodiscard]] bool changed() {
    now = now + 10s;
    watcher->read(now);
    return watcher->take_change(now + 1s);
  }

  test::TemporaryDirectory directory;
  std::string keys = directory / "keys";
  std::optional<FileWatcher> watcher;
  Instant now = kStart;
};

}  // namespace

TEST_CASE(
    "file watcher sees files that are written, replaced, removed or given other permissions") {
  Lab lab;
  write(lab.keys + "/wg0.toml", "mesh = 'a'\n");
  CHECK(lab.changed());
  write(lab.keys + "/.wg0.toml.1", "mesh = 'b'\n");
  CHECK_FALSE(lab.changed());
  fs::rename(lab.keys + "/.wg0.toml.1", lab.keys + "/wg0.toml");
  CHECK(lab.changed());
  write(lab.keys + "/orgs/acme", "x");
  CHECK(lab.changed());
  REQUIRE(::chmod((lab.keys + "/orgs/acme").c_str(), 0666) == 0);
  CHECK(lab.changed());
  fs::remove(lab.keys + "/orgs/acme");
  CHECK(lab.changed());
  REQUIRE(::chmod(lab.keys.c_str(), 0777) == 0);
  CHECK(lab.changed());
  CHECK_FALSE(lab.changed());
  CHECK(lab.watcher->fault().empty());
}

TEST_CASE("file watcher leaves out what it was not asked about") {
  Lab lab;
  write(lab.keys + "/node.incarnation", "7");
  write(lab.keys + "/wg1.toml", "mesh = 'a'\n");
  write(lab.keys + "/orgs/.acme.17", "x");
  write(lab.directory / "wg0.toml", "x");
  CHECK_FALSE(lab.changed());
  CHECK(lab.watcher->due() == kFarFuture);
}

TEST_CASE("file watcher follows a folder that appears later, goes and comes back") {
  Lab lab;
  fs::create_directory(lab.keys + "/authorized_keys");
  CHECK(lab.changed());
  write(lab.keys + "/authorized_keys/alpha", "x");
  CHECK(lab.changed());
  fs::remove_all(lab.keys + "/authorized_keys");
  CHECK(lab.changed());
  fs::create_directory(lab.keys + "/authorized_keys");
  CHECK(lab.changed());
  write(lab.keys + "/authorized_keys/beta", "x");
  CHECK(lab.changed());
}

TEST_CASE("file watcher follows a folder that is replaced by another, and leaves the old one") {
  Lab lab;
  fs::create_directory(lab.keys + "/new");
  CHECK_FALSE(lab.changed());
  fs::rename(lab.keys + "/orgs", lab.directory / "old");
  fs::rename(lab.keys + "/new", lab.keys + "/orgs");
  CHECK(lab.changed());
  write(lab.directory / "old/acme", "x");
  CHECK_FALSE(lab.changed());
  write(lab.keys + "/orgs/acme", "x");
  CHECK(lab.changed());
}

TEST_CASE("file watcher follows the directory itself") {
  Lab lab(/*there=*/false);
  fs::create_directory(lab.keys);
  CHECK(lab.changed());
  fs::create_directory(lab.keys + "/orgs");
  CHECK(lab.changed());
  write(lab.keys + "/orgs/acme", "x");
  CHECK(lab.changed());
  fs::rename(lab.keys, lab.directory / "away");
  CHECK(lab.changed());
  write(lab.directory / "away/wg0.toml", "x");
  write(lab.directory / "away/orgs/acme", "y");
  CHECK_FALSE(lab.changed());
  fs::create_directory(lab.keys);
  CHECK(lab.changed());
  write(lab.keys + "/wg0.toml", "x");
  CHECK(lab.changed());
}

TEST_CASE("file watcher understands a Kubernetes volume, whose files are links that stay") {
  Lab lab;
  fs::create_directory(lab.keys + "/..2026_1");
  write(lab.keys + "/..2026_1/wg0.toml", "mesh = 'a'\n");
  fs::create_directory_symlink("..2026_1", lab.keys + "/..data");
  fs::create_symlink("..data/wg0.toml", lab.keys + "/wg0.toml");
  CHECK(lab.changed());
  fs::create_directory(lab.keys + "/..2026_2");
  fs::create_directory_symlink("..2026_2", lab.keys + "/..data_tmp");
  CHECK(lab.changed());
  fs::rename(lab.keys + "/..data_tmp", lab.keys + "/..data");
  CHECK(lab.changed());
}

TEST_CASE("file watcher reports a burst once, when it is over or has lasted a second") {
  Lab lab;
  Instant now = kStart;
  write(lab.keys + "/wg0.toml", "1");
  lab.watcher->read(now);
  CHECK(lab.watcher->due() == now + Burst::kQuiet);
  CHECK_FALSE(lab.watcher->take_change(now + 99ms));
  for (int i = 0; i < 20; ++i) {
    write(lab.keys + "/wg0.toml", "2");
    lab.watcher->read(now);
    now = now + 50ms;
    if (now < kStart + Burst::kLongest) CHECK_FALSE(lab.watcher->take_change(now));
  }
  CHECK(lab.watcher->take_change(now));
  CHECK_FALSE(lab.watcher->take_change(now + 10s));
  // Nothing that waits: the descriptor is not readable.
  lab.watcher->read(now);
  CHECK(lab.watcher->due() == kFarFuture);
}

TEST_CASE("file watcher says what it expected where there is not even a parent") {
  const test::TemporaryDirectory directory;
  const auto opened = FileWatcher::open({directory / "none/keys", {}, {}});
  REQUIRE_FALSE(opened.ok());
  CHECK(opened.error().what.find("expected a directory " + (directory / "none")) !=
        std::string::npos);
}
