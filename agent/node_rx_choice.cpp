#include "agent/node_rx_choice.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace xm {
namespace {

// So many samples say enough about the present path; older ones fade.
constexpr int kRecordSamples = 32;

RxPath other(RxPath path) {
  return path == RxPath::xdp ? RxPath::socket : RxPath::xdp;
}

const char* spoken(RxPath path) {
  return path == RxPath::xdp ? "AF_XDP" : "the socket";
}

}  // namespace

const char* rx_path_name(RxPath path) {
  return path == RxPath::xdp ? "xdp" : "socket";
}

RxSample part_of(const RxSample& whole, std::uint64_t own_bytes, std::uint64_t all_bytes) {
  RxSample part{.interval = whole.interval};
  if (own_bytes == 0 || own_bytes * 100 < all_bytes * kLeastShare) return part;
  const double share = static_cast<double>(own_bytes) / static_cast<double>(all_bytes);
  const auto of = [share](std::uint64_t count) {
    return static_cast<std::uint64_t>(static_cast<double>(count) * share + 0.5);
  };
  part.datagrams = of(whole.datagrams);
  part.receive_batches = of(whole.receive_batches);
  part.lost = of(whole.lost);
  part.cpu = Duration(static_cast<std::int64_t>(static_cast<double>(whole.cpu.count()) * share));
  return part;
}

void RxChooser::Record::add(const RxSample& sample) {
  if (samples >= kRecordSamples) {
    samples /= 2;
    datagrams /= 2;
    batches /= 2;
    lost /= 2;
    cpu /= 2;
  }
  ++samples;
  datagrams += sample.datagrams;
  batches += sample.receive_batches;
  lost += sample.lost;
  cpu += sample.cpu;
}

double RxChooser::Record::nanoseconds_each() const {
  return datagrams == 0 ? 0 : static_cast<double>(cpu.count()) / static_cast<double>(datagrams);
}

double RxChooser::Record::loss_percent() const {
  const std::uint64_t offered = datagrams + lost;
  return offered == 0 ? 0 : 100.0 * static_cast<double>(lost) / static_cast<double>(offered);
}

RxChooser::RxChooser(const RxAbilities& abilities, std::optional<RxPath> forced)
    : abilities_(abilities), forced_(forced) {
  choose_by_ability();
}

void RxChooser::set_abilities(const RxAbilities& abilities) {
  const bool same = abilities == abilities_;
  abilities_ = abilities;
  if (!same) choose_by_ability();
}

void RxChooser::choose_by_ability() {
  in_trial_ = false;
  busy_samples_ = 0;
  wait_ = kFirstWait;
  incumbent_ = challenger_ = {};
  if (!abilities_.has_sockets) {
    path_ = RxPath::socket;
    reason_ = "no AF_XDP socket is bound";
  } else if (forced_) {
    path_ = *forced_;
    reason_ = std::string("chosen by --rx ") + rx_path_name(path_);
  } else if (abilities_.zero_copy) {
    path_ = RxPath::xdp;
    reason_ = "the driver has zero-copy AF_XDP; not measured under load yet";
  } else if (abilities_.native && abilities_.gro) {
    path_ = RxPath::socket;
    reason_ =
        "AF_XDP copies here, and the socket gets packets joined: GRO is on; not measured under "
        "load yet";
  } else if (abilities_.native) {
    path_ = RxPath::xdp;
    reason_ =
        "the socket would get packets one by one: GRO is off, and the program runs in the driver; "
        "not measured under load yet";
  } else {
    path_ = RxPath::socket;
    reason_ =
        "generic mode: packets are joined (GRO) before the program sees them; not measured under "
        "load yet";
  }
}

bool RxChooser::take(const RxSample& sample) {
  if (forced_ || !abilities_.has_sockets || sample.interval <= Duration::zero()) return false;
  const double seconds = std::chrono::duration<double>(sample.interval).count();
  const bool busy = static_cast<double>(sample.datagrams) >= static_cast<double>(kBusy) * seconds;
  if (in_trial_) {
    if (!busy) {  // the load is gone: the trial says nothing
      end_trial();
      return true;
    }
    if (trial_samples_++ > 0) challenger_.add(sample);
    if (trial_samples_ < kTrialSamples) return false;
    const RxPath before = path_;
    judge();
    return path_ != before;
  }
  if (!busy) return false;
  incumbent_.add(sample);
  if (++busy_samples_ < wait_) return false;
  start_trial();
  return true;
}

void RxChooser::start_trial() {
  in_trial_ = true;
  trial_samples_ = 0;
  challenger_ = {};
  path_ = other(path_);
}

// Back to the path before.
void RxChooser::end_trial() {
  in_trial_ = false;
  busy_samples_ = 0;
  path_ = other(path_);
}

void RxChooser::judge() {
  const double was = incumbent_.nanoseconds_each();
  const double is = challenger_.nanoseconds_each();
  const double loss_was = incumbent_.loss_percent();
  const double loss_is = challenger_.loss_percent();
  const bool loses_less = loss_is + kLossMargin < loss_was;
  const bool loses_more = loss_was + kLossMargin < loss_is;
  const bool is_cheaper = is * 100 < was * (100 - kMargin);
  const RxPath incumbent = other(path_);
  reason_ = std::string("measured under load: ") + spoken(incumbent) + " took " +
            describe(incumbent_) + ", " + spoken(path_) + " " + describe(challenger_);
  if (loses_less || (is_cheaper && !loses_more)) {
    in_trial_ = false;
    busy_samples_ = 0;
    incumbent_ = challenger_;
  } else {
    end_trial();
  }
  wait_ = std::min(wait_ * 2, kLongestWait);
}

std::string RxChooser::describe(const Record& record) const {
  std::array<char, 96> text{};
  const double each = record.batches == 0 ? 0
                                          : static_cast<double>(record.datagrams) /
                                                static_cast<double>(record.batches);
  std::snprintf(text.data(), text.size(), "%.0f ns of CPU a packet (%.0f a batch, %.1f %% lost)",
                record.nanoseconds_each(), each, record.loss_percent());
  return text.data();
}

}  // namespace xm
