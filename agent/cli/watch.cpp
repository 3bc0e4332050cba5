#include "agent/cli/watch.hpp"

#include <time.h>  // localtime_r
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include "agent/cli/status_client.hpp"
#include "agent/cli/terminal.hpp"
#include "agent/ctl/status.hpp"
#include "xdpmesh/clock.hpp"

namespace xm {
namespace {

constexpr Duration kPeriod = 1s;

std::string time_of_day() {
  const std::time_t seconds = SystemClock().wall().nanoseconds / 1'000'000'000;
  tm parts{};
  ::localtime_r(&seconds, &parts);
  std::array<char, 16> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%H:%M:%S", &parts);
  return {text.data(), length};
}

// Remembers what every agent said last, to show what went through since.
class View {
 public:
  std::string next(const StatusReplies& replies) {
    const Instant now = SystemClock().now();
    std::string text = "xdp-mesh status, " + time_of_day() + "; q ends\n";
    for (const std::string& error : replies.errors) text += "\n" + error + "\n";
    std::map<std::string, Sample> samples;
    for (const std::string& line : replies.lines) {
      const auto status = status_text(line);
      const auto traffic = status_traffic(line);
      if (!status || !traffic) {
        text += "\n" + (status ? traffic.error() : status.error()).what + "\n";
        continue;
      }
      text += "\n" + rates(traffic.value(), now) + status.value();
      samples[traffic.value().agent] = {traffic.value(), now};
    }
    samples_ = std::move(samples);
    return text;
  }

 private:
  struct Sample {
    StatusTraffic traffic;
    Instant at;
  };

  [[nodiscard]] std::string rates(const StatusTraffic& traffic, Instant now) const {
    const auto before = samples_.find(traffic.agent);
    if (before == samples_.end()) return {};
    const auto milliseconds =
        static_cast<std::uint64_t>(std::max<std::int64_t>((now - before->second.at) / 1ms, 1));
    const auto rate = [milliseconds](std::uint64_t then, std::uint64_t latest) {
      return bytes_text((latest - std::min(then, latest)) * 1000 / milliseconds) + "/s";
    };
    const StatusTraffic& then = before->second.traffic;
    return "now: receiving " + rate(then.received_bytes, traffic.received_bytes) + ", sending " +
           rate(then.sent_bytes, traffic.sent_bytes) + "\n";
  }

  std::map<std::string, Sample> samples_;
};

int watch_in_terminal(const StatusCommand& command, const std::string& directory, int out,
                      std::FILE* err) {
  std::optional<int> ended_by;
  {
    auto terminal = Terminal::enter(out);
    if (!terminal) {
      std::fprintf(err, "xdp-mesh: %s\n", terminal.error().what.c_str());
      return 1;
    }
    View view;
    std::string text;
    Instant next;
    for (;;) {
      const Instant now = SystemClock().now();
      if (now >= next) {
        text = view.next(ask_status(command, directory));
        next = now + kPeriod;
      }
      if (!terminal->draw(text)) return 1;
      if (terminal->wait(next - SystemClock().now()) == Terminal::Event::quit) break;
    }
    ended_by = terminal->ended_by();
  }
  if (ended_by) ::raise(*ended_by);
  return 0;
}

int watch_as_lines(const StatusCommand& command, const std::string& directory, std::FILE* out,
                   std::FILE* err) {
  for (;;) {
    const Instant next = SystemClock().now() + kPeriod;
    if (!command.json) std::fprintf(out, "--- %s\n", time_of_day().c_str());
    if (show_status(command, directory, out, err) != 0) return 1;
    std::this_thread::sleep_for(next - SystemClock().now());
  }
}

}  // namespace

int watch_status(const StatusCommand& command, const std::string& directory, std::FILE* out,
                 std::FILE* err) {
  const int fd = ::fileno(out);
  if (!command.json && fd >= 0 && ::isatty(fd) == 1) {
    return watch_in_terminal(command, directory, fd, err);
  }
  return watch_as_lines(command, directory, out, err);
}

}  // namespace xm
