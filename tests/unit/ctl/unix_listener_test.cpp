#include "agent/ctl/unix_listener.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>
#include <utility>

#include "tests/support/skip.hpp"
#include "tests/support/temporary_directory.hpp"

namespace xm {
namespace {

mode_t mode_of(const std::string& path) {
  struct stat entry {};
  REQUIRE(::lstat(path.c_str(), &entry) == 0);
  return entry.st_mode & 07777;
}

}  // namespace

TEST_CASE("unix listener: reachable by its owner alone, whatever the umask") {
  const test::TemporaryDirectory directory;
  mode_t before = 0;
  SUBCASE("open") {
    before = ::umask(0);
  }
  SUBCASE("closed") {
    before = ::umask(0177);
  }
  const auto listener = listen_on_unix_path(directory / "a/b/wg0.sock");
  ::umask(before);
  REQUIRE(listener.ok());
  CHECK(mode_of(directory / "a/b/wg0.sock") == 0600);
  CHECK(mode_of(directory / "a/b") == 0755);
  CHECK(connect_to_unix_path(directory / "a/b/wg0.sock").ok());
  CHECK(unix_socket_path(listener.value()) == directory / "a/b/wg0.sock");
  CHECK((::fcntl(listener.value().get(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("unix listener: a group may be let in") {
  if (::geteuid() != 0) XM_SKIP("needs root");
  const test::TemporaryDirectory directory;
  const std::string path = directory / "wg0.sock";
  const mode_t before = ::umask(0077);
  const auto listener = listen_on_unix_path(path, 4321);
  ::umask(before);
  REQUIRE(listener.ok());
  CHECK(mode_of(path) == 0660);
  struct stat entry {};
  REQUIRE(::lstat(path.c_str(), &entry) == 0);
  CHECK(entry.st_gid == 4321);
  CHECK(entry.st_uid == 0);
}

TEST_CASE("unix listener: a group by name and by number") {
  CHECK(find_group("root").value() == 0);
  CHECK(find_group("4321").value() == 4321);
  for (const char* name : {"", "no-such-group-here", "-1", "12x", "99999999999"}) {
    CAPTURE(name);
    const auto group = find_group(name);
    REQUIRE_FALSE(group.ok());
    CHECK(group.error().what.find("there is no group") != std::string::npos);
  }
}

TEST_CASE("unix listener: a dead process's socket is replaced, a live one is an error") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "wg0.sock";
  auto first = listen_on_unix_path(path);
  REQUIRE(first.ok());

  const auto second = listen_on_unix_path(path);
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().os_errno == EADDRINUSE);
  CHECK(second.error().what.find("already running") != std::string::npos);
  CHECK(connect_to_unix_path(path).ok());  // and the first is none the worse

  std::move(first).value().reset();  // as if killed: the entry stays
  CHECK(connect_to_unix_path(path).error().os_errno == ECONNREFUSED);
  const auto third = listen_on_unix_path(path);
  REQUIRE(third.ok());
  CHECK(connect_to_unix_path(path).ok());
}

TEST_CASE("unix listener: a socket whose backlog is full is alive") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "wg0.sock";
  const Fd busy(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::bind(busy.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(busy.get(), 0) == 0);
  const auto waiting = connect_to_unix_path(path);
  REQUIRE(waiting.ok());
  CHECK(connect_to_unix_path(path).error().os_errno == EAGAIN);
  CHECK(listen_on_unix_path(path).error().os_errno == EADDRINUSE);
}

TEST_CASE("unix listener: what is in the way and no socket is left alone") {
  const test::TemporaryDirectory directory;
  std::ofstream(directory / "wg0.sock") << "precious";
  const auto listener = listen_on_unix_path(directory / "wg0.sock");
  CHECK(listener.error().os_errno == EEXIST);
  CHECK(mode_of(directory / "wg0.sock") != 0);

  std::ofstream(directory / "file") << "x";
  CHECK_FALSE(listen_on_unix_path(directory / "file/wg0.sock").ok());
  CHECK(listen_on_unix_path(directory / std::string(120, 'x')).error().os_errno == ENAMETOOLONG);
}

TEST_CASE("unix listener: only a listening Unix stream socket is taken over") {
  const test::TemporaryDirectory directory;
  auto listener = listen_on_unix_path(directory / "wg0.sock");
  REQUIRE(listener.ok());
  const int fd = std::move(listener).value().release();
  const auto adopted = adopt_unix_listener(fd);
  REQUIRE(adopted.ok());
  CHECK(unix_socket_path(adopted.value()) == directory / "wg0.sock");

  const Fd unbound(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  CHECK(adopt_unix_listener(unbound.get()).error().os_errno == EINVAL);
  CHECK(unix_socket_path(unbound).empty());
  const Fd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  CHECK(adopt_unix_listener(file.get()).error().os_errno == EINVAL);
  CHECK(adopt_unix_listener(-1).error().os_errno == EINVAL);
}

}  // namespace xm
