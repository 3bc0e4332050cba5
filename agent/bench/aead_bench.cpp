#include "agent/bench/aead_bench.hpp"

#include <algorithm>
#include <memory>
#include <numeric>

#include "agent/bench/parts_report.hpp"

namespace xm {
namespace {

constexpr int kRounds = 10;

// Packets of one size to be sealed in place and opened again.
class Lot {
 public:
  Lot(std::uint32_t size, std::uint32_t batch)
      : size_(size), bytes_(std::size_t{batch} * stride()), jobs_(batch) {
    std::iota(bytes_.begin(), bytes_.end(), std::uint8_t{0});
  }

  // Both return how long the engine took.
  std::int64_t seal(AeadEngine& engine, const Key& key) {
    aim(size_);
    const std::int64_t start = stopwatch_nanoseconds();
    engine.seal(key, jobs_);
    return stopwatch_nanoseconds() - start;
  }
  std::int64_t open(AeadEngine& engine, const Key& key) {
    aim(size_ + static_cast<std::uint32_t>(kAeadTagSize));
    const std::int64_t start = stopwatch_nanoseconds();
    engine.open(key, jobs_);
    return stopwatch_nanoseconds() - start;
  }
  [[nodiscard]] double packets() const { return static_cast<double>(jobs_.size()); }

 private:
  [[nodiscard]] std::size_t stride() const { return size_ + kAeadTagSize; }
  void aim(std::uint32_t length) {
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      std::uint8_t* const at = &bytes_[i * stride()];
      jobs_[i] = {.counter = i, .in = at, .out = at, .length = length, .ok = false};
    }
  }

  std::uint32_t size_;
  std::vector<std::uint8_t> bytes_;
  std::vector<AeadJob> jobs_;
};

struct Samples {
  std::vector<double> seal;
  std::vector<double> open;
};

// Seals and opens in turn until `budget` nanoseconds have gone into each, once at least.
void measure_round(AeadEngine& engine, Lot& lot, std::int64_t budget, Samples& samples) {
  const Key key;
  (void)lot.seal(engine, key);  // warms caches, and the CPU's wide registers
  (void)lot.open(engine, key);
  std::int64_t spent = 0;
  do {
    const std::int64_t sealed = lot.seal(engine, key);
    const std::int64_t opened = lot.open(engine, key);
    samples.seal.push_back(static_cast<double>(sealed) / lot.packets());
    samples.open.push_back(static_cast<double>(opened) / lot.packets());
    spent += sealed + opened;
  } while (spent < 2 * budget);
}

std::string text_row(const AeadReport& report, const AeadCell& cell) {
  const auto gigabytes = [&](const Figure& figure) {
    return decimal(cell.size / std::max(figure.median, 0.001), 2);
  };
  const bool wins = report.fastest(cell.size) == &cell;
  return pad_left(std::to_string(cell.size), 6) + "  " +
         pad_right(std::string(aead_name(cell.engine)), 10) + pad_left(figure_text(cell.seal), 22) +
         pad_left(gigabytes(cell.seal), 7) + pad_left(figure_text(cell.open), 22) +
         pad_left(gigabytes(cell.open), 7) + (wins ? "  fastest" : "") + "\n";
}

}  // namespace

const AeadCell* AeadReport::fastest(std::uint32_t size) const {
  const AeadCell* best = nullptr;
  for (const AeadCell& cell : cells) {
    if (cell.size != size) continue;
    const auto both = [](const AeadCell& of) { return of.seal.median + of.open.median; };
    if (best == nullptr || both(cell) < both(*best)) best = &cell;
  }
  return best;
}

AeadReport measure_aead(const AeadBenchOptions& options) {
  AeadReport report;
  report.batch = options.batch;
  report.sizes = options.sizes;
  std::vector<std::unique_ptr<AeadEngine>> engines;
  for (const AeadKind kind : kAeadKinds) {
    auto engine = make_aead_engine(kind);
    if (engine.ok()) {
      report.engines.push_back({kind, (*engine)->description()});
      engines.push_back(std::move(engine).value());
    } else {
      report.left_out.push_back({kind, engine.error().what});
    }
  }

  const std::int64_t budget = std::int64_t{options.milliseconds} * 1'000'000 / kRounds;
  for (const std::uint32_t size : options.sizes) {
    Lot lot(size, options.batch);
    std::vector<Samples> samples(engines.size());
    for (int round = 0; round < kRounds; ++round) {
      for (std::size_t i = 0; i < engines.size(); ++i) {
        measure_round(*engines[i], lot, budget, samples[i]);
      }
    }
    for (std::size_t i = 0; i < engines.size(); ++i) {
      report.cells.push_back({.engine = report.engines[i].kind,
                              .size = size,
                              .seal = figure_of(samples[i].seal),
                              .open = figure_of(samples[i].open)});
    }
  }
  report.choice = measure_aead_engines();
  return report;
}

std::string aead_report_text(const AeadReport& report) {
  std::string text = "ChaCha20-Poly1305, batches of " + std::to_string(report.batch) +
                     ": ns a packet (10th to 90th percentile) and GB/s, one thread\n" +
                     pad_left("bytes", 6) + "  " + pad_right("engine", 10) + pad_left("seal", 22) +
                     pad_left("GB/s", 7) + pad_left("open", 22) + pad_left("GB/s", 7) + "\n";
  for (const AeadCell& cell : report.cells) text += text_row(report, cell);
  for (const AeadReport::Engine& engine : report.engines) {
    if (engine.description == aead_name(engine.kind)) continue;
    text += std::string(aead_name(engine.kind)) + " is " + engine.description + "\n";
  }
  for (const AeadReport::LeftOut& left_out : report.left_out) {
    text += "left out: " + left_out.reason + "\n";
  }
  text += "auto would take " + std::string(aead_name(report.choice.small)) + " up to " +
          std::to_string(AeadChoice::kSmallLimit) + " B and " +
          std::string(aead_name(report.choice.large)) + " above (" + report.choice.reason + ")\n";
  return text;
}

int bench_aead(const AeadBenchOptions& options, std::FILE* out, std::FILE* err) {
  const AeadReport report = measure_aead(options);
  return print_report(
      aead_report_text(report), [&] { return aead_report_json(report); }, options.json, out, err);
}

}  // namespace xm
