// A stream socket with several clients at once, none of which can hold up another or the thread:
// the part that the configuration socket, the control socket and the metrics have in common.
//
// It keeps its own epoll instance, so its owner watches one descriptor and calls dispatch() when
// that is readable. Per client: at most 64 KB of input is held, one reply is under way at a time,
// and while it is, nothing more is read. Who stops in the middle of a request or a reply for
// `patience` is closed; when all places are taken, the longest-silent client gives way.
//
// Thread: one, the control thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "agent/crypto/secret_text.hpp"
#include "xdpmesh/bytes.hpp"
#include "xdpmesh/clock.hpp"
#include "xdpmesh/fd.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// The protocol with one client.
class Dialogue {
 public:
  virtual ~Dialogue() = default;
  // Takes bytes from the front of `input`, up to the end of one request, and appends the reply to
  // it, if it is complete. Returns how many bytes it took; fewer than all only with a reply or when
  // finished.
  virtual std::size_t take(std::string_view input, SecretText& reply) = 0;
  // The client will send no more; what was cut short may still be answered.
  virtual void end_of_input(SecretText& reply) = 0;
  // No request is under way: the client may be silent for as long as it likes.
  [[nodiscard]] virtual bool idle() const = 0;
  // To be closed once the reply has left.
  [[nodiscard]] virtual bool finished() const = 0;
};

struct StreamServerOptions {
  std::string directory;       // made with mode 0755 when missing
  std::string name;            // the socket is directory/name.sock, mode 0600, or 0660 with a group
  std::optional<gid_t> group;  // its members may connect too; not for an adopted socket
  // A socket that already listens, used instead; taken over in any case. Directory and name are
  // then not used.
  std::optional<int> adopt_fd;
  // A TCP socket that already listens, used instead; who may connect is then the network's affair.
  Fd tcp;
  std::function<std::unique_ptr<Dialogue>()> make_dialogue;
  // Whether deleted() is kept up to date.
  bool watch_path = false;
  std::size_t max_clients = 64;
  Duration patience = 30s;
};

class StreamServer {
 public:
  // A socket left by a dead process is replaced; one that answers is an error (EADDRINUSE).
  [[nodiscard]] static Result<std::unique_ptr<StreamServer>> open(StreamServerOptions options);
  // Removes the socket from its directory if it is still ours.
  ~StreamServer();
  StreamServer(const StreamServer&) = delete;
  StreamServer& operator=(const StreamServer&) = delete;

  // Readable when dispatch() has something to do.
  [[nodiscard]] int fd() const { return epoll_.get(); }
  // Handles what is ready, at most 64 KB per client; never blocks.
  void dispatch(Instant now);

  // Empty for an adopted socket without a path.
  [[nodiscard]] const std::string& path() const { return path_; }
  // Someone removed or replaced the socket in its directory. Stays true.
  [[nodiscard]] bool deleted() const { return deleted_; }
  [[nodiscard]] std::size_t client_count() const { return clients_.size(); }

 private:
  using ClientId = std::uint64_t;  // the token of its events; never reused
  struct Client;

  explicit StreamServer(StreamServerOptions options);
  [[nodiscard]] Status adopt(int fd);
  [[nodiscard]] Status set_up_events();
  [[nodiscard]] Status add_event(int fd, std::uint64_t token);
  [[nodiscard]] Status watch_directory();
  [[nodiscard]] bool is_still_there() const;
  void look_after_path();

  void accept_clients(Instant now);
  void pause_accepting(Instant now);
  void resume_accepting(Instant now);
  [[nodiscard]] bool may_connect(int fd) const;
  // False: the client is to be closed.
  [[nodiscard]] bool serve(Client& client, Instant now);
  [[nodiscard]] bool read_from(Client& client, Instant now);
  [[nodiscard]] bool write_to(Client& client, Instant now);
  void watch(ClientId id, Client& client);
  void close_longest_silent();
  void close_stalled(Instant now);
  void set_timer();

  StreamServerOptions options_;
  std::string path_;
  dev_t device_ = 0;  // of the socket's directory entry, to know it again
  ino_t inode_ = 0;
  bool open_to_all_ = false;  // somebody else decides who may connect
  bool deleted_ = false;
  Instant accepting_from_;  // paused until then; never: not paused
  ClientId next_id_ = 0;
  Fd listener_;
  Fd inotify_;
  Fd timer_;
  Fd epoll_;
  std::unordered_map<ClientId, std::unique_ptr<Client>> clients_;
};

}  // namespace xm
