#include "agent/bench/session.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "agent/bench/child.hpp"
#include "agent/bench/lab.hpp"
#include "agent/bench/machine.hpp"
#include "agent/bench/measure.hpp"
#include "agent/bench/plan.hpp"
#include "agent/bench/progress.hpp"
#include "agent/bench/tunnel.hpp"
#include "xdpmesh/version.hpp"

namespace xm::bench {
namespace {

class Session {
 public:
  Session(const BenchOptions& options, std::string prefix, const Lab& lab, Report& report,
          Progress& progress)
      : options_(options),
        prefix_(std::move(prefix)),
        lab_(lab),
        report_(report),
        progress_(progress) {}

  void take(const Turn& turn);

 private:
  void note_details(std::size_t index, const Tunnel& tunnel);
  void run_rows(const Turn& turn, Tunnel& tunnel);
  void run_row(const Turn& turn, Row row, Tunnel& tunnel);
  void fail(const Turn& turn, std::string row, std::string reason);
  [[nodiscard]] bool stop() const { return lab_.interrupts().requested(); }

  const BenchOptions& options_;
  std::string prefix_;
  const Lab& lab_;
  Report& report_;
  Progress& progress_;
  std::set<std::size_t> out_;  // contestants that did not start
  double done_seconds_ = 0;
};

std::string round_of(const Turn& turn, std::uint32_t rounds) {
  return "round " + std::to_string(turn.round) + "/" + std::to_string(rounds) + ", ";
}

// "AEAD ipsec-mb (AVX2), I/O syscall" of our agent's status.
std::string details_of(const std::string& status) {
  const auto json = nlohmann::json::parse(status, nullptr, /*allow_exceptions=*/false);
  const auto text = [](const nlohmann::json& object, const char* field) -> std::string {
    if (!object.is_object()) return "?";
    const auto found = object.find(field);
    return found != object.end() && found->is_string() ? found->get<std::string>() : "?";
  };
  if (!json.is_object() || !json.contains("aead")) return {};
  const std::string small = text(json["aead"], "small");
  const std::string large = text(json["aead"], "large");
  return "AEAD " +
         (small == large ? large : small + " for small, " + large + " for large packets") +
         ", I/O " + text(json, "io_backend");
}

// Only programs that are known to answer to it are asked for their version.
std::string version_of(const Contestant& contestant, Interrupts& interrupts) {
  if (contestant.kind == ContestantKind::plain) return {};
  if (contestant.kind != ContestantKind::peer) return std::string(kVersion);
  const std::vector<std::string> known = known_peers();
  const std::string& program = contestant.command.front();
  if (std::find(known.begin(), known.end(), program) == known.end()) return {};
  const auto said = run({{program, "--version"}}, interrupts, 5s);
  return said ? said.value().substr(0, said.value().find('\n')) : std::string();
}

void Session::take(const Turn& turn) {
  const double planned_end = done_seconds_ + estimate_seconds(turn, options_.seconds);
  if (!out_.contains(turn.contestant)) {
    const Contestant& contestant = report_.contestants[turn.contestant];
    progress_.step(done_seconds_, round_of(turn, report_.rounds) + contestant.name + ": starting");
    const auto tunnel = Tunnel::start(lab_, contestant, prefix_);
    if (tunnel) {
      note_details(turn.contestant, *tunnel.value());
      run_rows(turn, *tunnel.value());
    } else if (!stop()) {
      out_.insert(turn.contestant);
      fail(turn, "", tunnel.error().what);
    }
  }
  done_seconds_ = planned_end;
}

void Session::note_details(std::size_t index, const Tunnel& tunnel) {
  Contestant& contestant = report_.contestants[index];
  const bool ours =
      contestant.kind == ContestantKind::own || contestant.kind == ContestantKind::variant;
  if (!ours || !contestant.details.empty()) return;
  if (const auto status = tunnel.status(End::a)) contestant.details = details_of(status.value());
}

void Session::run_rows(const Turn& turn, Tunnel& tunnel) {
  for (const Row row : turn.rows) {
    if (stop()) return;
    if (const std::string death = tunnel.death(); !death.empty()) {
      fail(turn, std::string(row_key(row)), death + "; the rest of its round is left out");
      return;
    }
    run_row(turn, row, tunnel);
  }
}

void Session::run_row(const Turn& turn, Row row, Tunnel& tunnel) {
  progress_.step(done_seconds_, round_of(turn, report_.rounds) +
                                    report_.contestants[turn.contestant].name + ": " +
                                    info(row).text);
  const auto figures = measure(row, lab_, tunnel, options_.seconds);
  done_seconds_ += estimate_seconds(row, options_.seconds);
  if (figures) {
    for (const auto& [metric, value] : figures.value()) {
      report_.add(turn.contestant, turn.round, metric, value);
    }
    return;
  }
  if (stop()) return;
  const std::string death = tunnel.death();
  fail(turn, std::string(row_key(row)), figures.error().what + (death.empty() ? "" : "; " + death));
}

void Session::fail(const Turn& turn, std::string row, std::string reason) {
  const std::string& name = report_.contestants[turn.contestant].name;
  progress_.say(name + ": " + (row.empty() ? "does not start, left out: " : row + ": ") + reason);
  report_.failures.push_back({name, std::move(row), turn.round, std::move(reason)});
}

}  // namespace

Result<Report> run_session(const BenchOptions& options, const Field& field, bool ping_is_there,
                           const std::string& prefix) {
  auto interrupts = Interrupts::open();
  if (!interrupts) return interrupts.error();
  auto lab = Lab::make(interrupts.value());
  if (!lab) return lab.error();

  Report report;
  report.started = utc_now();
  report.rounds = options.rounds;
  report.seconds = options.seconds;
  report.machine = describe_machine();
  report.contestants = field.contestants;
  for (Contestant& one : report.contestants) one.version = version_of(one, interrupts.value());
  report.samples.resize(field.contestants.size());
  report.notes = field.notes;

  const std::vector<Turn> plan =
      make_plan(field.contestants, options.rows, options.rounds, ping_is_there);
  double planned = 0;
  for (const Turn& turn : plan) planned += estimate_seconds(turn, options.seconds);
  Progress progress(planned);
  for (const std::string& note : field.notes) progress.say(note);
  Session session(options, prefix, lab.value(), report, progress);
  for (const Turn& turn : plan) {
    if (interrupts->requested()) break;
    session.take(turn);
  }
  report.interrupted = interrupts->requested();
  return report;
}

}  // namespace xm::bench
