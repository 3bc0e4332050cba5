#include "agent/bench/receive_bench.hpp"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "agent/bench/child.hpp"
#include "agent/bench/paced_sender.hpp"
#include "agent/bench/parts_report.hpp"
#include "agent/bench/receive_lab.hpp"
#include "agent/wire/wg.hpp"

namespace xm {
namespace {

using namespace bench;

constexpr Duration kSettle = 100ms;  // a load before it is measured
constexpr Duration kPause = 20ms;    // after it, for what is still on its way
constexpr Duration kBeat = 50ms;
// At least so much of a load has to go the way that is measured.
constexpr double kMostOfIt = 0.9;
constexpr int kInterruptedExit = 130;

struct Samples {
  std::vector<double> nanoseconds;
  std::vector<double> napi_nanoseconds;
  std::vector<double> rate;
  std::vector<double> offered;
  std::vector<double> batch;

  [[nodiscard]] ReceiveRow::Way way() const {
    return {figure_of(nanoseconds), figure_of(napi_nanoseconds), figure_of(rate),
            figure_of(offered), figure_of(batch)};
  }
};

std::uint64_t rate_of(ReceiveLoad load) {
  switch (load) {
    case ReceiveLoad::steady_150:
      return 150'000;
    case ReceiveLoad::steady_400:
    case ReceiveLoad::unknown_index:
    case ReceiveLoad::wrong_mac1:
      return 400'000;
    case ReceiveLoad::saturated:
      break;
  }
  return PacedSender::kAsFastAsItCan;
}

ReceiveCount difference(const ReceiveCount& after, const ReceiveCount& before) {
  return {.delivered = after.delivered - before.delivered,
          .batches = after.batches - before.batches,
          .napi_nanoseconds = after.napi_nanoseconds - before.napi_nanoseconds,
          .worker_nanoseconds = after.worker_nanoseconds - before.worker_nanoseconds,
          .redirected = after.redirected - before.redirected,
          .passed = after.passed - before.passed,
          .dropped = after.dropped - before.dropped};
}

// The first and the last processor that this process may use.
Result<std::pair<int, int>> choose_processors() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof allowed, &allowed);
  if (CPU_COUNT(&allowed) < 2) {
    return Error{"the sender and the receiver need a processor each: expected two at least"};
  }
  int first = 0;
  while (!CPU_ISSET(static_cast<std::size_t>(first), &allowed)) ++first;
  int last = CPU_SETSIZE - 1;
  while (!CPU_ISSET(static_cast<std::size_t>(last), &allowed)) --last;
  return std::pair{first, last};
}

// What a flood without a sender consists of.
std::vector<std::uint8_t> flood_message(ReceiveLoad load, std::uint32_t index,
                                        const PathWorkload::Packet& segment) {
  if (load == ReceiveLoad::wrong_mac1) {
    std::vector<std::uint8_t> message(sizeof(MessageInitiation));
    store_le32(message.data(), static_cast<std::uint32_t>(MessageType::initiation));
    return message;
  }
  std::vector<std::uint8_t> message = data_message(segment);
  store_le32(reinterpret_cast<MessageDataHeader*>(message.data())->receiver_index, index);
  return message;
}

class ReceiveBench {
 public:
  // `segment`: what a data message of a flood without a sender carries.
  ReceiveBench(const ReceiveBenchOptions& options, Interrupts& interrupts, ReceiveLab& lab,
               PacedSender& sender, const PathWorkload::Packet& segment)
      : options_(options), interrupts_(interrupts), lab_(lab), sender_(sender), segment_(segment) {}

  [[nodiscard]] Result<ReceiveReport> run() {
    ReceiveReport report{options_.size,
                         options_.milliseconds,
                         0,
                         options_.moderation_microseconds,
                         options_.busy_poll_microseconds,
                         false,
                         no_frames(),
                         {}};
    gives_frames_ = report.no_frames.empty();
    for (; report.rounds < options_.rounds; ++report.rounds) {
      const Status measured = measure_round();
      if (!measured && measured.error().os_errno != EINTR) return measured.error();
      report.interrupted = !measured;
      if (report.interrupted) break;
    }
    if (report.rounds > 0) fill(report);
    return report;
  }

 private:
  Status measure_round() {
    for (const Arrival arrival : arrivals()) {
      if (Status set = lab_.set_gro(arrival == Arrival::veth_joined); !set) return set;
      for (const ReceiveLoad load : loads(arrival)) {
        for (const ReceiveWay way : {ReceiveWay::socket, ReceiveWay::xdp, ReceiveWay::floor}) {
          if (way == ReceiveWay::floor && !is_flood(load)) continue;
          if (Status measured = measure_way(arrival, load, way); !measured) return measured;
        }
      }
    }
    return {};
  }

  [[nodiscard]] std::vector<Arrival> arrivals() const {
    if (options_.gro) return {*options_.gro ? Arrival::veth_joined : Arrival::veth};
    std::vector<Arrival> all{Arrival::veth, Arrival::veth_joined};
    if (gives_frames_) all.push_back(Arrival::frames);
    return all;
  }

  // Why this kernel takes none without a card.
  [[nodiscard]] std::string no_frames() {
    const auto message = flood_message(ReceiveLoad::wrong_mac1, 0, segment_);
    const Status fed = lab_.feed(ReceiveWay::floor, message, rate_of(ReceiveLoad::wrong_mac1));
    lab_.stop_feeding();
    return fed ? std::string() : fed.error().what;
  }

  [[nodiscard]] std::vector<ReceiveLoad> loads(Arrival arrival) const {
    std::vector<ReceiveLoad> wanted = options_.loads;
    for (std::size_t i = 0; options_.loads.empty() && i < kReceiveLoads; ++i) {
      wanted.push_back(static_cast<ReceiveLoad>(i));
    }
    if (arrival == Arrival::frames) {
      std::erase_if(wanted, [](ReceiveLoad load) { return !is_flood(load); });
    }
    return wanted;
  }

  Status measure_way(Arrival arrival, ReceiveLoad load, ReceiveWay way) {
    if (Status taken = lab_.take(way); !taken) return taken;
    if (Status begun = begin(arrival, load, way); !begun) return begun;
    Status measured = measure(load, way, samples_[{arrival, load, way}]);
    sender_.send_data(0, 0);
    lab_.stop_feeding();
    return measured ? wait(kPause) : measured;
  }

  Status begin(Arrival arrival, ReceiveLoad load, ReceiveWay way) {
    const std::uint32_t index = lab_.receiver_index() + (is_flood(load) ? 1 : 0);
    if (arrival == Arrival::frames) {
      return lab_.feed(way, flood_message(load, index, segment_), rate_of(load));
    }
    if (load == ReceiveLoad::wrong_mac1) {
      sender_.send_initiations(rate_of(load));
    } else {
      sender_.send_data(rate_of(load), index);
    }
    return {};
  }

  [[nodiscard]] std::uint64_t sent() const { return sender_.sent() + lab_.fed(); }

  Status measure(ReceiveLoad load, ReceiveWay way, Samples& samples) {
    if (Status settled = wait(kSettle); !settled) return settled;
    const auto before = lab_.count();
    if (!before) return before.error();
    const std::uint64_t sent_before = sent();
    const std::int64_t start = stopwatch_nanoseconds();
    if (Status waited = wait(std::chrono::milliseconds(options_.milliseconds)); !waited) {
      return waited;
    }
    const auto after = lab_.count();
    if (!after) return after.error();
    const double seconds = static_cast<double>(stopwatch_nanoseconds() - start) / 1e9;
    const auto offered = static_cast<double>(sent() - sent_before);
    const ReceiveCount during = difference(after.value(), before.value());
    if (Status went = check_way(load, way, during); !went) return went;

    const auto delivered = static_cast<double>(during.delivered);
    const double packets = is_flood(load) ? seen(during) : delivered;
    const auto napi = static_cast<double>(during.napi_nanoseconds);
    samples.nanoseconds.push_back((napi + static_cast<double>(during.worker_nanoseconds)) /
                                  packets);
    samples.napi_nanoseconds.push_back(napi / packets);
    samples.rate.push_back(delivered / seconds);
    samples.offered.push_back(offered / seconds);
    samples.batch.push_back(delivered /
                            static_cast<double>(std::max<std::uint64_t>(during.batches, 1)));
    return {};
  }

  // Messages that reached the XDP program.
  static double seen(const ReceiveCount& count) {
    return static_cast<double>(count.redirected + count.passed + count.dropped);
  }

  // A figure of packets that went another way, or nowhere, would be a lie.
  static Status check_way(ReceiveLoad load, ReceiveWay way, const ReceiveCount& during) {
    const std::uint64_t right = way == ReceiveWay::socket ? during.passed
                                : is_flood(load)          ? during.dropped
                                                          : during.redirected;
    const bool arrived = is_flood(load) || during.delivered > 0;
    if (arrived && right > 0 && static_cast<double>(right) >= kMostOfIt * seen(during)) return {};
    return Error{"the packets did not go the way that was to be measured: " +
                 std::to_string(during.redirected) + " redirected, " +
                 std::to_string(during.passed) + " passed, " + std::to_string(during.dropped) +
                 " dropped, " + std::to_string(during.delivered) + " delivered"};
  }

  // The worker's heart beats on meanwhile.
  Status wait(Duration time) {
    const std::int64_t until = stopwatch_nanoseconds() + time.count();
    for (;;) {
      lab_.beat();
      const Duration left(until - stopwatch_nanoseconds());
      if (left <= 0ns) return {};
      interrupts_.wait_readable(-1, std::min(left, kBeat));
      if (interrupts_.requested()) return interrupted();
    }
  }

  void fill(ReceiveReport& report) const {
    for (const Arrival arrival : arrivals()) {
      for (const ReceiveLoad load : loads(arrival)) {
        const auto of = [&](ReceiveWay way) { return samples_.at({arrival, load, way}).way(); };
        const Figure floor = is_flood(load) ? of(ReceiveWay::floor).nanoseconds : Figure{};
        report.rows.push_back({load, arrival, of(ReceiveWay::socket), of(ReceiveWay::xdp), floor});
      }
    }
  }

  const ReceiveBenchOptions& options_;
  Interrupts& interrupts_;
  ReceiveLab& lab_;
  PacedSender& sender_;
  const PathWorkload::Packet& segment_;
  bool gives_frames_ = false;
  std::map<std::tuple<Arrival, ReceiveLoad, ReceiveWay>, Samples> samples_;
};

Result<ReceiveReport> measure_receive(const ReceiveBenchOptions& options) {
  if (::geteuid() != 0) {
    return Error{"the bench makes network namespaces and loads an XDP program: run it as root"};
  }
  if (!find_on_path("ip")) return Error{"ip: not found; Debian: apt install iproute2"};
  const auto processors = choose_processors();
  if (!processors) return processors.error();
  const sigset_t watched = interrupt_signals();
  ::pthread_sigmask(SIG_BLOCK, &watched, nullptr);
  auto interrupts = Interrupts::open();
  if (!interrupts) return interrupts.error();

  // Everything is threads and descriptors of this process: nothing outlives it.
  auto lab = Lab::make(interrupts.value());
  if (!lab) return lab.error();
  const auto workloads = path_workloads(options.size);
  auto receiver = ReceiveLab::make(lab.value(), processors.value().second, options);
  if (!receiver) return receiver.error();
  auto sender = PacedSender::start(lab->network_namespace(End::a), receiver.value()->address(),
                                   processors.value().first, workloads.front().segments);
  if (!sender) return sender.error();
  const Endpoint from{IpAddress::parse(kOuterAddress[index_of(End::a)]).value(),
                      sender.value()->port(), 0};
  if (Status started = receiver.value()->start(from); !started) return started.error();
  return ReceiveBench(options, interrupts.value(), *receiver.value(), *sender.value(),
                      workloads.front().segments.front())
      .run();
}

}  // namespace

double ReceiveRow::ratio() const {
  if (load == ReceiveLoad::saturated) return xdp.rate.median / socket.rate.median;
  return xdp.nanoseconds.median / socket.nanoseconds.median;
}

std::string_view arrival_name(Arrival arrival) {
  switch (arrival) {
    case Arrival::veth:
      return "veth";
    case Arrival::veth_joined:
      return "veth_joined";
    case Arrival::frames:
      break;
  }
  return "frames";
}

double ReceiveRow::bound() const {
  const bool gro = arrival == Arrival::veth_joined;
  if (load == ReceiveLoad::unknown_index) return 0.2;
  if (load == ReceiveLoad::wrong_mac1) return 0.25;
  if (load == ReceiveLoad::saturated) return gro ? 1.0 : 1.3;
  return gro ? 0.85 : 0.75;
}

int bench_receive(const ReceiveBenchOptions& options, std::FILE* out, std::FILE* err) {
  const auto report = measure_receive(options);
  if (!report) {
    (void)std::fprintf(err, "xdp-mesh: %s\n", report.error().what.c_str());
    return 1;
  }
  const int printed = print_report(
      receive_report_text(report.value()), [&] { return receive_report_json(report.value()); },
      options.json, out, err);
  return report.value().interrupted && printed == 0 ? kInterruptedExit : printed;
}

}  // namespace xm
