// Tells when files change that say whom to trust and how to run: a directory, some of its files by
// name, and some of its folders with all that is in them. The directory and the folders may appear
// later, go, or be replaced by others of the same name (inotify(7)). Changes come in bursts and are
// reported once a burst.
//
// A file that is a symbolic link to somewhere else is not followed there; a Kubernetes volume is
// understood, whose files are links by way of "..data" and change when that is replaced.
#pragma once

#include <string>
#include <vector>

#include "agent/io/burst.hpp"
#include "xdpmesh/clock.hpp"
#include "xdpmesh/fd.hpp"
#include "xdpmesh/result.hpp"

struct inotify_event;

namespace xm {

struct WatchedTree {
  std::string directory;             // its parent is there; itself it may be missing
  std::vector<std::string> files;    // names in it; what else is in it is ignored
  std::vector<std::string> folders;  // in these, all files count that do not begin with a dot
};

// Thread: the control thread.
class FileWatcher {
 public:
  // An error: no inotify to be had (fs.inotify.max_user_instances), or no parent.
  [[nodiscard]] static Result<FileWatcher> open(WatchedTree tree);

  // To poll for reading; then call read().
  [[nodiscard]] int fd() const { return inotify_.get(); }
  void read(Instant now);

  // When take_change() will say yes; kFarFuture when nothing has happened.
  [[nodiscard]] Instant due() const { return burst_.due(); }
  // True once a burst: everything is to be read afresh.
  [[nodiscard]] bool take_change(Instant now) { return burst_.take(now); }

  // What is there and cannot be watched, with the reason; empty: nothing.
  [[nodiscard]] const std::string& fault() const { return fault_; }

 private:
  static constexpr int kNoWatch = -1;

  struct Place {
    std::string path;
    int watch = kNoWatch;  // none while the path leads nowhere
  };

  FileWatcher(WatchedTree tree, Fd inotify);

  // Puts a watch on whatever each path leads to now. True when that is not what it led to before.
  bool follow_paths();
  bool follow(Place& place);
  [[nodiscard]] bool concerns_us(const inotify_event& event, const char* name) const;

  WatchedTree tree_;
  Fd inotify_;
  std::string name_;           // of the directory in its parent
  std::vector<Place> places_;  // the parent, the directory, the folders in their order
  Burst burst_;
  std::string fault_;
};

}  // namespace xm
