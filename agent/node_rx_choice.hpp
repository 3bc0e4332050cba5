// Which path data messages of one interface take, AF_XDP or the kernel's socket, where the user
// left it to us (`--rx auto`): a first choice by what the driver can do, then trials of the other
// path under load. Pure: samples in, a choice and its reason out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "xdpmesh/clock.hpp"

namespace xm {

enum class RxPath : std::uint8_t { socket, xdp };

// What is known before a packet has come.
struct RxAbilities {
  bool has_sockets = false;  // at least one AF_XDP socket is bound
  bool native = false;       // the program runs in the driver; else after the kernel's GRO
  bool zero_copy = false;
  // What the program passes is joined (NAPI GRO) before it reaches the socket.
  bool gro = false;
  friend bool operator==(const RxAbilities&, const RxAbilities&) = default;
};

// What one interval brought, of both paths together.
struct RxSample {
  Duration interval{};                // zero: after a pause, it says nothing
  std::uint64_t datagrams = 0;        // received by the workers
  std::uint64_t receive_batches = 0;  // in so many calls
  std::uint64_t lost = 0;             // for want of room in the socket or the AF_XDP rings
  Duration cpu{};                     // of the workers, and of softirq
};

// Below this share of an agent's traffic, in per cent, what the agent's CPU tells of an interface
// is mostly another's.
inline constexpr unsigned kLeastShare = 30;

// The part of what the agent received that came by one interface, by the bytes of data messages
// that its program has seen, of those that all have. CPU and losses are taken to be as the bytes.
// With less than kLeastShare it is nothing: no load.
[[nodiscard]] RxSample part_of(const RxSample& whole, std::uint64_t own_bytes,
                               std::uint64_t all_bytes);

// Thread: one at a time.
class RxChooser {
 public:
  // Below this many datagrams a second any path will do, and measuring tells nothing.
  static constexpr std::uint64_t kBusy = 5'000;
  // A trial's first sample has packets of both paths in it and is not looked at.
  static constexpr int kTrialSamples = 3;
  // Busy samples before the first trial; doubles with each trial that changed nothing.
  static constexpr std::uint64_t kFirstWait = 60;
  static constexpr std::uint64_t kLongestWait = 2400;
  // The other path must be this much cheaper, in per cent, or lose this much less.
  static constexpr unsigned kMargin = 10;
  static constexpr unsigned kLossMargin = 5;

  // `forced`: what the user asked for. Forced to `xdp` without a socket it is `socket` all the
  // same.
  RxChooser(const RxAbilities& abilities, std::optional<RxPath> forced);

  [[nodiscard]] RxPath path() const { return path_; }
  [[nodiscard]] const std::string& reason() const { return reason_; }
  [[nodiscard]] bool is_in_trial() const { return in_trial_; }

  // After a rebind. Starts over when they differ.
  void set_abilities(const RxAbilities& abilities);
  // True when path() is another now: for a trial, after it, or for good.
  [[nodiscard]] bool take(const RxSample& sample);

 private:
  // Sums over samples of one path.
  struct Record {
    int samples = 0;
    std::uint64_t datagrams = 0;
    std::uint64_t batches = 0;
    std::uint64_t lost = 0;
    Duration cpu{};
    void add(const RxSample& sample);
    [[nodiscard]] double nanoseconds_each() const;
    [[nodiscard]] double loss_percent() const;
  };

  void choose_by_ability();
  void start_trial();
  void end_trial();
  void judge();
  [[nodiscard]] std::string describe(const Record& record) const;

  RxAbilities abilities_;
  std::optional<RxPath> forced_;
  RxPath path_ = RxPath::socket;
  std::string reason_;
  bool in_trial_ = false;
  int trial_samples_ = 0;
  std::uint64_t busy_samples_ = 0;  // since the last trial
  std::uint64_t wait_ = kFirstWait;
  Record incumbent_;  // since the last trial, halved when long
  Record challenger_;
};

[[nodiscard]] const char* rx_path_name(RxPath path);

}  // namespace xm
