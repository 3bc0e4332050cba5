#include "agent/ctl/stream_server.hpp"

#include <string.h>  // explicit_bzero
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>
#include <utility>
#include <vector>

#include "agent/ctl/unix_listener.hpp"
#include "xdpmesh/log.hpp"

namespace xm {
namespace {

constexpr std::size_t kMaxInput = std::size_t{64} << 10;
constexpr int kMaxAcceptsPerDispatch = 16;
constexpr Duration kAcceptPause = 1s;

// Tokens of the epoll instance; clients count from kFirstClient.
constexpr std::uint64_t kListenerToken = 0;
constexpr std::uint64_t kInotifyToken = 1;
constexpr std::uint64_t kTimerToken = 2;
constexpr std::uint64_t kFirstClient = 16;

void drop_front(SecretText& text, std::size_t count) {
  const std::size_t rest = text.size() - count;
  std::memmove(text.data(), text.data() + count, rest);
  explicit_bzero(text.data() + rest, count);
  text.resize(rest);
}

void drain(int fd) {
  alignas(inotify_event) std::array<char, 4096> ignored;
  while (::read(fd, ignored.data(), ignored.size()) > 0) {
  }
}

// Whether the process that connected had the group, as its first or as one of the others.
bool is_member(int fd, const ucred& peer, gid_t group) {
  if (peer.gid == group) return true;
  std::vector<gid_t> groups(NGROUPS_MAX);
  auto length = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &length) < 0) return false;
  groups.resize(length / sizeof(gid_t));
  return std::find(groups.begin(), groups.end(), group) != groups.end();
}

}  // namespace

struct StreamServer::Client {
  Fd fd;
  std::unique_ptr<Dialogue> dialogue;
  SecretText input;
  SecretText output;
  std::size_t written = 0;  // of output
  bool ended = false;       // the client sends no more
  std::uint32_t watched = 0;
  Instant progress;  // when a byte last went in or out

  [[nodiscard]] bool replying() const { return written < output.size(); }
  [[nodiscard]] bool busy() const { return replying() || !input.empty() || !dialogue->idle(); }
};

StreamServer::StreamServer(StreamServerOptions options)
    : options_(std::move(options)), next_id_(kFirstClient) {}

StreamServer::~StreamServer() {
  if (listener_ && !path_.empty() && is_still_there()) ::unlink(path_.c_str());
}

Result<std::unique_ptr<StreamServer>> StreamServer::open(StreamServerOptions options) {
  std::unique_ptr<StreamServer> server(new StreamServer(std::move(options)));
  server->open_to_all_ = server->options_.adopt_fd || server->options_.tcp;
  if (server->options_.tcp) {
    server->listener_ = std::move(server->options_.tcp);
  } else if (server->options_.adopt_fd) {
    auto adopted = adopt_unix_listener(*server->options_.adopt_fd);
    if (!adopted) return adopted.error();
    server->listener_ = std::move(adopted).value();
    server->path_ = unix_socket_path(server->listener_);
  } else {
    const std::string path = server->options_.directory + "/" + server->options_.name + ".sock";
    auto listener = listen_on_unix_path(path, server->options_.group);
    if (!listener) return listener.error();
    server->listener_ = std::move(listener).value();
    server->path_ = path;
  }
  if (struct stat entry{}; !server->path_.empty() && ::lstat(server->path_.c_str(), &entry) == 0) {
    server->device_ = entry.st_dev;
    server->inode_ = entry.st_ino;
  }
  if (auto ready = server->set_up_events(); !ready) return ready.error();
  return server;
}

Status StreamServer::set_up_events() {
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return errno_error("cannot make an epoll instance");
  timer_.reset(::timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC));
  if (!timer_) return errno_error("cannot make a timer");
  if (auto added = add_event(listener_.get(), kListenerToken); !added) return added;
  if (auto added = add_event(timer_.get(), kTimerToken); !added) return added;
  if (options_.watch_path && !path_.empty()) return watch_directory();
  return {};
}

Status StreamServer::add_event(int fd, std::uint64_t token) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = token;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) < 0) {
    return errno_error("cannot watch a descriptor of the socket " + path_);
  }
  return {};
}

Status StreamServer::watch_directory() {
  inotify_.reset(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify_) {
    return errno_error("cannot watch " + path_ + " (see fs.inotify.max_user_instances)");
  }
  const std::string directory = path_.substr(0, std::max<std::size_t>(path_.rfind('/'), 1));
  constexpr std::uint32_t kEvents = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                                    IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
  if (::inotify_add_watch(inotify_.get(), directory.c_str(), kEvents) < 0) {
    return errno_error("cannot watch the directory " + directory);
  }
  look_after_path();  // it may have gone before the watch began
  return add_event(inotify_.get(), kInotifyToken);
}

bool StreamServer::is_still_there() const {
  struct stat entry {};
  return ::lstat(path_.c_str(), &entry) == 0 && entry.st_dev == device_ && entry.st_ino == inode_;
}

void StreamServer::look_after_path() {
  if (!is_still_there()) deleted_ = true;
}

void StreamServer::dispatch(Instant now) {
  std::array<epoll_event, 64> events;
  const int count =
      ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), /*timeout=*/0);
  for (int i = 0; i < count; ++i) {
    const std::uint64_t token = events[static_cast<std::size_t>(i)].data.u64;
    if (token == kListenerToken) {
      accept_clients(now);
    } else if (token == kInotifyToken) {
      drain(inotify_.get());
      look_after_path();
    } else if (token == kTimerToken) {
      drain(timer_.get());
    } else if (const auto found = clients_.find(token); found != clients_.end()) {
      if (serve(*found->second, now)) {
        watch(token, *found->second);
      } else {
        clients_.erase(found);
      }
    }
  }
  close_stalled(now);
  resume_accepting(now);
  set_timer();
}

void StreamServer::accept_clients(Instant now) {
  for (int i = 0; i < kMaxAcceptsPerDispatch; ++i) {
    Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno != EAGAIN) pause_accepting(now);
      return;
    }
    if (!may_connect(fd.get())) continue;
    if (clients_.size() >= options_.max_clients) close_longest_silent();
    auto client = std::make_unique<Client>();
    client->fd = std::move(fd);
    client->dialogue = options_.make_dialogue();
    client->progress = now;
    const ClientId id = next_id_++;
    if (add_event(client->fd.get(), id)) {
      client->watched = EPOLLIN;
      clients_.emplace(id, std::move(client));
    }
  }
}

// Out of descriptors or memory: the listener stays readable, so without a pause the thread would
// spin.
void StreamServer::pause_accepting(Instant now) {
  log::error(errno_error("cannot accept a client on " + path_).what);
  close_longest_silent();
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listener_.get(), nullptr);
  accepting_from_ = now + kAcceptPause;
}

void StreamServer::resume_accepting(Instant now) {
  if (accepting_from_.is_never() || now < accepting_from_) return;
  if (add_event(listener_.get(), kListenerToken)) {
    accepting_from_ = Instant{};
  } else {
    accepting_from_ = now + kAcceptPause;
  }
}

// The mode of the socket says the same; this holds when someone has changed it by mistake. Whoever
// made an adopted socket has decided for itself.
bool StreamServer::may_connect(int fd) const {
  if (open_to_all_) return true;
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) return false;
  if (peer.uid == 0 || peer.uid == ::geteuid()) return true;
  if (options_.group && is_member(fd, peer, *options_.group)) return true;
  log::verbose("refused user " + std::to_string(peer.uid) + " on " + path_);
  return false;
}

bool StreamServer::serve(Client& client, Instant now) {
  if (!client.replying() && client.input.size() < kMaxInput && !client.ended) {
    if (!read_from(client, now)) return false;
  }
  // One request a turn: a client that sends thousands at once waits like the others.
  if (!client.replying() && !client.dialogue->finished()) {
    const std::size_t taken = client.dialogue->take(client.input, client.output);
    drop_front(client.input, taken);
    if (client.input.empty()) {
      SecretText().swap(client.input);
      if (client.ended && !client.replying()) client.dialogue->end_of_input(client.output);
    }
  }
  if (client.replying() && !write_to(client, now)) return false;
  if (client.replying()) return true;
  return !client.dialogue->finished() && !(client.ended && client.input.empty());
}

bool StreamServer::read_from(Client& client, Instant now) {
  const std::size_t before = client.input.size();
  client.input.resize(kMaxInput);
  const ssize_t got =
      ::recv(client.fd.get(), client.input.data() + before, kMaxInput - before, MSG_DONTWAIT);
  const int error = errno;
  client.input.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (got < 0) return error == EAGAIN || error == EINTR;
  if (got == 0) client.ended = true;
  client.progress = now;
  return true;
}

bool StreamServer::write_to(Client& client, Instant now) {
  const ssize_t sent = ::send(client.fd.get(), client.output.data() + client.written,
                              client.output.size() - client.written, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0) return errno == EAGAIN || errno == EINTR;
  client.progress = now;
  client.written += static_cast<std::size_t>(sent);
  if (!client.replying()) {
    SecretText().swap(client.output);
    client.written = 0;
  }
  return true;
}

void StreamServer::watch(ClientId id, Client& client) {
  // Input that waits its turn is looked at again as soon as the socket takes a reply: at once.
  const std::uint32_t wanted = client.replying() || !client.input.empty() ? EPOLLOUT : EPOLLIN;
  if (wanted == client.watched) return;
  epoll_event event{};
  event.events = wanted;
  event.data.u64 = id;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, client.fd.get(), &event) == 0) {
    client.watched = wanted;
  }
}

void StreamServer::close_longest_silent() {
  const auto oldest = std::min_element(
      clients_.begin(), clients_.end(),
      [](const auto& a, const auto& b) { return a.second->progress < b.second->progress; });
  if (oldest != clients_.end()) clients_.erase(oldest);
}

void StreamServer::close_stalled(Instant now) {
  std::erase_if(clients_, [&](const auto& entry) {
    return entry.second->busy() && now - entry.second->progress >= options_.patience;
  });
}

void StreamServer::set_timer() {
  Instant next = accepting_from_.is_never() ? kFarFuture : accepting_from_;
  for (const auto& [id, client] : clients_) {
    if (client->busy()) next = std::min(next, client->progress + options_.patience);
  }
  itimerspec when{};  // zero: off
  if (next != kFarFuture) {
    when.it_value.tv_sec = next.nanoseconds / 1'000'000'000;
    when.it_value.tv_nsec = next.nanoseconds % 1'000'000'000;
  }
  ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

}  // namespace xm
