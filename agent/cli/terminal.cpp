#include "agent/cli/terminal.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <utility>

namespace xm {
namespace {

// xterm's control sequences, which every terminal in use understands.
constexpr std::string_view kEnterScreen = "\x1b[?1049h\x1b[?25l";  // alternate screen, no cursor
constexpr std::string_view kLeaveScreen = "\x1b[?25h\x1b[?1049l";
constexpr std::string_view kTopLeft = "\x1b[H";
constexpr std::string_view kEraseLine = "\x1b[K";  // from the cursor on
constexpr std::string_view kEraseBelow = "\x1b[J";

Status write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno_error("cannot write to the terminal");
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

// The first `columns` characters of a line, without what would move the cursor.
std::string cut(std::string_view line, std::size_t columns) {
  std::string text;
  std::size_t characters = 0;
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    const bool continues = (byte & 0xc0) == 0x80;  // within a character of several bytes
    if (!continues && characters++ == columns) break;
    text += byte < ' ' || byte == 0x7f ? '?' : c;
  }
  return text;
}

TerminalSize size_of(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 || size.ws_col == 0) return {};
  return {size.ws_row, size.ws_col};
}

sigset_t wanted_signals() {
  sigset_t wanted;
  sigemptyset(&wanted);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH}) {
    sigaddset(&wanted, signal);
  }
  return wanted;
}

}  // namespace

std::string screenful(std::string_view text, const TerminalSize& size) {
  std::string screen(kTopLeft);
  std::size_t lines = 0;
  std::size_t left_out = 0;
  std::string last;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string line = cut(text.substr(0, end), size.columns);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (++lines < size.rows) {
      screen += line.append(kEraseLine) += "\r\n";
    } else if (++left_out == 1) {
      last = std::move(line);
    }
  }
  if (left_out > 1) last = cut("... " + std::to_string(left_out) + " more lines", size.columns);
  screen += last.append(kEraseLine).append(kEraseBelow);
  return screen;
}

Result<Terminal> Terminal::enter(int out) {
  Terminal terminal(out);
  const sigset_t wanted = wanted_signals();
  const int error = ::pthread_sigmask(SIG_BLOCK, &wanted, &terminal.former_mask_);
  if (error != 0) {
    terminal.out_ = -1;
    return errno_error("cannot block signals", error);
  }
  terminal.signals_.reset(::signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC));
  if (termios keys{}; ::tcgetattr(STDIN_FILENO, &keys) == 0) terminal.former_keys_ = keys;
  terminal.show();
  if (!terminal.signals_) return errno_error("cannot take signals");
  return terminal;
}

Terminal::~Terminal() {
  if (out_ < 0) return;
  hide();
  ::pthread_sigmask(SIG_SETMASK, &former_mask_, nullptr);
}

Terminal::Terminal(Terminal&& other) noexcept
    : out_(std::exchange(other.out_, -1)),
      signals_(std::move(other.signals_)),
      former_mask_(other.former_mask_),
      former_keys_(other.former_keys_),
      ended_by_(other.ended_by_) {}

void Terminal::show() const {
  if (former_keys_) {
    termios keys = *former_keys_;
    keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &keys);
  }
  (void)write_all(out_, kEnterScreen);
}

void Terminal::hide() const {
  (void)write_all(out_, kLeaveScreen);
  if (former_keys_) ::tcsetattr(STDIN_FILENO, TCSANOW, &*former_keys_);
}

// Ctrl-Z: the shell gets its screen back until `fg`.
void Terminal::stop() const {
  hide();
  ::kill(::getpid(), SIGSTOP);
  show();
}

Status Terminal::draw(std::string_view text) const {
  return write_all(out_, screenful(text, size_of(out_)));
}

Terminal::Event Terminal::take_signal() {
  signalfd_siginfo taken{};
  if (::read(signals_.get(), &taken, sizeof taken) != sizeof taken) return Event::redraw;
  const int signal = static_cast<int>(taken.ssi_signo);
  if (signal == SIGTSTP) stop();
  if (signal == SIGTSTP || signal == SIGWINCH) return Event::redraw;
  ended_by_ = signal;
  return Event::quit;
}

Terminal::Event Terminal::wait(Duration patience) {
  const SystemClock clock;
  const Instant end = clock.now() + patience;
  for (;;) {
    // poll() ignores an entry with a negative descriptor.
    std::array<pollfd, 2> ready{
        {{signals_.get(), POLLIN, 0}, {former_keys_ ? STDIN_FILENO : -1, POLLIN, 0}}};
    const Duration left = std::max<Duration>(end - clock.now(), Duration{});
    const auto milliseconds = static_cast<int>((left + 999us) / 1ms);
    const int count = ::poll(ready.data(), ready.size(), milliseconds);
    if (count == 0) return Event::timeout;
    if (count < 0) continue;
    if (ready[0].revents != 0) return take_signal();
    char key = 0;
    const ssize_t got = ::read(STDIN_FILENO, &key, 1);
    if (got <= 0 || key == 'q' || key == 'Q') return Event::quit;  // also when the terminal went
  }
}

}  // namespace xm
