#include "agent/store/secure_file.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "agent/mesh/text_lines.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/temporary_directory.hpp"

namespace xm {
namespace {

using test::TemporaryDirectory;

void put(const std::string& path, const std::string& text, mode_t mode) {
  std::ofstream(path) << text;
  REQUIRE(::chmod(path.c_str(), mode) == 0);
}
std::string content(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}
mode_t mode_of(const std::string& path) {
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  return found.st_mode & 07777U;
}
std::size_t files_in(const std::string& path) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path),
                                                std::filesystem::directory_iterator()));
}
bool says(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

}  // namespace

TEST_CASE("secure file: it has its mode whatever the umask, and leaves nothing beside it") {
  const TemporaryDirectory directory;
  const mode_t before = ::umask(0);
  CHECK(write_file_atomically(directory / "open", "secret", 0600).ok());
  ::umask(0777);
  CHECK(write_file_atomically(directory / "closed", "public", 0644).ok());
  ::umask(before);
  CHECK(mode_of(directory / "open") == 0600);
  CHECK(mode_of(directory / "closed") == 0644);
  CHECK(files_in(directory.path()) == 2);
}

TEST_CASE("secure file: one that is there is replaced whole, or stays when that is asked for") {
  const TemporaryDirectory directory;
  const std::string path = directory / "file";
  REQUIRE(write_file_atomically(path, "first", 0600).ok());
  const Status refused = write_file_atomically(path, "second", 0600, Existing::refuse);
  CHECK(refused.error().os_errno == EEXIST);
  CHECK(content(path) == "first");
  CHECK(write_file_atomically(path, "third", 0644).ok());
  CHECK(content(path) == "third");
  CHECK(mode_of(path) == 0644);
  CHECK(files_in(directory.path()) == 1);
}

TEST_CASE("secure file: a write that fails leaves the old content and nothing beside it") {
  const TemporaryDirectory directory;
  const std::string path = directory / "file";
  REQUIRE(write_file_atomically(path, "old", 0600).ok());
  // A name that is a directory cannot be taken.
  REQUIRE(::mkdir((directory / "taken").c_str(), 0700) == 0);
  CHECK_FALSE(write_file_atomically(directory / "taken", "new", 0600).ok());
  CHECK_FALSE(write_file_atomically(directory / "missing/file", "new", 0600).ok());
  CHECK(content(path) == "old");
  CHECK(files_in(directory.path()) == 2);
}

TEST_CASE("secure file: a file-size limit ends a write without a half file") {
  const TemporaryDirectory directory;
  const std::string path = directory / "file";
  REQUIRE(write_file_atomically(path, "old", 0600).ok());
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{10, 10};
    ::setrlimit(RLIMIT_FSIZE, &small);
    const Status written = write_file_atomically(path, std::string(100, 'x'), 0600);
    ::_exit(written.ok() ? 1 : 0);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(content(path) == "old");
  CHECK(files_in(directory.path()) == 1);
}

TEST_CASE("secure file: what a crashed writer left is in nobody's way") {
  const TemporaryDirectory directory;
  put(directory / (".file." + std::to_string(::getpid())), "half", 0644);
  CHECK(write_file_atomically(directory / "file", "whole", 0600).ok());
  CHECK(content(directory / "file") == "whole");
  CHECK(files_in(directory.path()) == 1);
}

TEST_CASE("secure file: a key that others can read is refused, with the command that mends it") {
  const TemporaryDirectory directory;
  const std::string path = directory / "node.key";
  for (const mode_t mode : {0604U, 0640U, 0644U, 0660U, 0601U}) {
    put(path, "secret", mode);
    const auto read = read_private_file(path);
    REQUIRE_FALSE(read.ok());
    CHECK(says(read.error().what, "chmod 600 " + path));
  }
  for (const mode_t mode : {0600U, 0400U}) {
    put(path, "secret", 0600);
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    const auto read = read_private_file(path);
    REQUIRE(read.ok());
    CHECK(std::string_view(read.value()) == "secret");
  }
}

TEST_CASE("secure file: trust that others can write is refused, reading it is everyone's right") {
  const TemporaryDirectory directory;
  const std::string path = directory / "it's";
  for (const mode_t mode : {0620U, 0602U, 0666U}) {
    put(path, "text", mode);
    const auto read = read_trusted_file(path);
    REQUIRE_FALSE(read.ok());
    CHECK(says(read.error().what, "chmod go-w '" + directory.path() + "/it'\\''s'"));
  }
  put(path, "text", 0644);
  CHECK(read_trusted_file(path).ok());
}

TEST_CASE("secure file: a file of another user's is refused") {
  if (::geteuid() != 0) XM_SKIP("only root can give a file away");
  const TemporaryDirectory directory;
  put(directory / "file", "text", 0600);
  REQUIRE(::chown((directory / "file").c_str(), 65534, 65534) == 0);
  CHECK(says(read_private_file(directory / "file").error().what, "got user 65534"));
  CHECK(says(read_trusted_file(directory / "file").error().what, "chown 0 "));
}

TEST_CASE("secure file: neither links, nor FIFOs, nor endless files are followed") {
  const TemporaryDirectory directory;
  put(directory / "real", "text", 0600);
  REQUIRE(::symlink((directory / "real").c_str(), (directory / "link").c_str()) == 0);
  CHECK(says(read_private_file(directory / "link").error().what, "symbolic link"));
  REQUIRE(::mkfifo((directory / "fifo").c_str(), 0600) == 0);
  CHECK(says(read_private_file(directory / "fifo").error().what, "regular file"));
  put(directory / "large", std::string(kMaxTextFile + 1, 'x'), 0600);
  CHECK(says(read_trusted_file(directory / "large").error().what, "at most"));
  CHECK(read_private_file(directory / "missing").error().os_errno == ENOENT);
}

TEST_CASE("secure file: a directory that others can write in is refused") {
  const TemporaryDirectory directory;
  CHECK(check_directory(directory.path()).ok());
  CHECK(make_directory(directory / "made", 0700).ok());
  CHECK(make_directory(directory / "made", 0700).ok());
  REQUIRE(::chmod((directory / "made").c_str(), 0777) == 0);
  CHECK(says(check_directory(directory / "made").error().what, "chmod go-w"));
  put(directory / "file", "", 0600);
  CHECK_FALSE(make_directory(directory / "file", 0700).ok());
}

TEST_CASE("secure file: a listing is in order and without hidden files") {
  const TemporaryDirectory directory;
  for (const char* name : {"b", "a", ".hidden", "c"}) put(directory / name, "", 0600);
  CHECK(list_directory(directory.path()).value() == std::vector<std::string>{"a", "b", "c"});
  CHECK(list_directory(directory / "missing").value().empty());
  CHECK_FALSE(list_directory(directory / "a").ok());
}

}  // namespace xm
