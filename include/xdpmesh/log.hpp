// Log lines for people: "level: message". On stderr, or to syslog once the process is a daemon.
//
// Never on the packet path, never a key, never about what an outsider sends: that is counted.
#pragma once

#include <syslog.h>

#include <atomic>
#include <cstdio>
#include <string>
#include <string_view>

namespace xm {

// As LOG_LEVEL names them for wireguard-go: silent, error, verbose (or debug).
enum class LogLevel { silent, error, info, verbose };

namespace log {

inline std::atomic<LogLevel> level{LogLevel::info};
inline std::atomic<bool> to_syslog{false};

inline void write(LogLevel wanted, int priority, std::string_view prefix, std::string_view text) {
  if (level.load(std::memory_order_relaxed) < wanted) return;
  if (to_syslog.load(std::memory_order_relaxed)) {
    ::syslog(priority, "%.*s", static_cast<int>(text.size()), text.data());
    return;
  }
  std::fprintf(stderr, "%.*s: %.*s\n", static_cast<int>(prefix.size()), prefix.data(),
               static_cast<int>(text.size()), text.data());
}

inline void error(std::string_view text) {
  write(LogLevel::error, LOG_ERR, "error", text);
}
inline void info(std::string_view text) {
  write(LogLevel::info, LOG_INFO, "info", text);
}
inline void verbose(std::string_view text) {
  write(LogLevel::verbose, LOG_DEBUG, "verbose", text);
}

}  // namespace log

}  // namespace xm
