#include "agent/io/file_watcher.hpp"

#include <sys/inotify.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <utility>

namespace xm {
namespace {

// Permissions too: a file that others may write is not trusted.
constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                                  IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF |
                                  IN_ONLYDIR;

constexpr std::size_t kParent = 0;
constexpr std::size_t kDirectory = 1;

// The directory that `path` is in, and its name there.
std::pair<std::string, std::string> split_path(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

FileWatcher::FileWatcher(WatchedTree tree, Fd inotify)
    : tree_(std::move(tree)), inotify_(std::move(inotify)) {
  auto [parent, name] = split_path(tree_.directory);
  name_ = std::move(name);
  places_.push_back({std::move(parent)});
  places_.push_back({tree_.directory});
  for (const std::string& folder : tree_.folders)
    places_.push_back({tree_.directory + "/" + folder});
}

Result<FileWatcher> FileWatcher::open(WatchedTree tree) {
  Fd inotify(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify) return errno_error("cannot watch files (fs.inotify.max_user_instances)");
  FileWatcher watcher(std::move(tree), std::move(inotify));
  watcher.follow_paths();
  if (watcher.places_[kParent].watch == kNoWatch) {
    if (!watcher.fault_.empty()) return Error{watcher.fault_};
    return Error{"cannot watch " + watcher.tree_.directory + ": expected a directory " +
                     watcher.places_[kParent].path + " that it is in or will be in",
                 ENOENT};
  }
  return watcher;
}

void FileWatcher::read(Instant now) {
  bool changed = false;
  alignas(inotify_event) std::array<char, 4096> buffer;
  while (true) {
    const ssize_t length = ::read(inotify_.get(), buffer.data(), buffer.size());
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) break;
    for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(length);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const char* name = event.len == 0 ? "" : buffer.data() + at + sizeof event;
      changed = concerns_us(event, name) || changed;
      at += sizeof event + event.len;
    }
  }
  // What was put into a new folder before it is watched is not announced, and need not be: the
  // change is reported later than this.
  changed = follow_paths() || changed;
  if (changed) burst_.note(now);
}

bool FileWatcher::concerns_us(const inotify_event& event, const char* name) const {
  if ((event.mask & IN_Q_OVERFLOW) != 0) return true;
  const auto place = std::find_if(places_.begin(), places_.end(),
                                  [&](const Place& p) { return p.watch == event.wd; });
  if (place == places_.end() || *name == '\0') return false;  // itself: follow_paths() sees to it
  const std::string_view changed(name);
  switch (place - places_.begin()) {
    case kParent:
      return changed == name_;
    case kDirectory:
      return contains(tree_.files, changed) || contains(tree_.folders, changed) ||
             changed.starts_with("..");
    default:
      return changed.front() != '.' || changed.starts_with("..");
  }
}

bool FileWatcher::follow_paths() {
  fault_.clear();
  bool changed = false;
  // From the top: what appears below something that is watched already is announced.
  for (Place& place : places_) changed = follow(place) || changed;
  return changed;
}

bool FileWatcher::follow(Place& place) {
  // The same directory has the same watch, however often it is added.
  const int watch = inotify_add_watch(inotify_.get(), place.path.c_str(), kEvents);
  const int error = watch < 0 ? errno : 0;
  if (error != 0 && error != ENOENT && error != ENOTDIR) {
    const char* limit = error == ENOSPC ? " (fs.inotify.max_user_watches)" : "";
    fault_ = errno_error("cannot watch " + place.path + limit, error).what;
  }
  if (watch == place.watch) return false;
  const int before = std::exchange(place.watch, watch < 0 ? kNoWatch : watch);
  const bool still_used = std::any_of(places_.begin(), places_.end(),
                                      [&](const Place& other) { return other.watch == before; });
  if (before != kNoWatch && !still_used) inotify_rm_watch(inotify_.get(), before);
  return true;
}

}  // namespace xm
