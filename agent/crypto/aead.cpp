#include "agent/crypto/aead.hpp"

#include <algorithm>

#include "agent/crypto/aead_engines.hpp"

namespace xm {
namespace {

Result<std::unique_ptr<AeadEngine>> make(AeadKind kind) {
  switch (kind) {
    case AeadKind::ipsec_mb:
      return make_ipsec_mb_engine();
    case AeadKind::boringssl:
      return make_boringssl_engine();
    case AeadKind::openssl:
      return make_openssl_engine();
    case AeadKind::libsodium:
      return make_sodium_engine();
    case AeadKind::af_alg:
      return make_af_alg_engine();
  }
  return Error{"unknown AEAD engine"};
}

bool is_small(const AeadJob& job) {
  return job.length <= AeadChoice::kSmallLimit;
}

// Two engines, each for the sizes it is best at. Jobs of one class that stand together go to their
// engine in one call; nothing is reordered or copied.
class SplitEngine final : public AeadEngine {
 public:
  SplitEngine(std::unique_ptr<AeadEngine> small, std::unique_ptr<AeadEngine> large)
      : small_(std::move(small)), large_(std::move(large)) {}

  void seal(const Key& key, std::span<AeadJob> jobs) override {
    for_each_run(jobs, [&](AeadEngine& engine, std::span<AeadJob> run) { engine.seal(key, run); });
  }
  void open(const Key& key, std::span<AeadJob> jobs) override {
    for_each_run(jobs, [&](AeadEngine& engine, std::span<AeadJob> run) { engine.open(key, run); });
  }
  [[nodiscard]] std::string description() const override {
    return small_->description() + " up to " + std::to_string(AeadChoice::kSmallLimit) + " B, " +
           large_->description() + " above";
  }

 private:
  template <typename Action>
  void for_each_run(std::span<AeadJob> jobs, Action action) {
    while (!jobs.empty()) {
      const bool small = is_small(jobs.front());
      const auto end = std::find_if(jobs.begin(), jobs.end(),
                                    [&](const AeadJob& job) { return is_small(job) != small; });
      const auto count = static_cast<std::size_t>(end - jobs.begin());
      action(small ? *small_ : *large_, jobs.first(count));
      jobs = jobs.subspan(count);
    }
  }

  std::unique_ptr<AeadEngine> small_;
  std::unique_ptr<AeadEngine> large_;
};

}  // namespace

std::string_view aead_name(AeadKind kind) {
  switch (kind) {
    case AeadKind::ipsec_mb:
      return "ipsec-mb";
    case AeadKind::libsodium:
      return "libsodium";
    case AeadKind::openssl:
      return "openssl";
    case AeadKind::boringssl:
      return "boringssl";
    case AeadKind::af_alg:
      return "af-alg";
  }
  return "unknown";
}

std::optional<AeadKind> parse_aead_name(std::string_view name) {
  for (const AeadKind kind : kAeadKinds) {
    if (name == aead_name(kind)) return kind;
  }
  return std::nullopt;
}

std::vector<AeadKind> available_aead_kinds() {
  std::vector<AeadKind> kinds;
  for (const AeadKind kind : kAeadKinds) {
    if (make(kind).ok()) kinds.push_back(kind);
  }
  return kinds;
}

Result<std::unique_ptr<AeadEngine>> make_aead_engine(AeadKind kind) {
  auto engine = make(kind);
  if (engine.ok()) return engine;
  std::string usable;
  for (const AeadKind other : available_aead_kinds()) {
    usable += (usable.empty() ? "" : ", ") + std::string(aead_name(other));
  }
  return Error{"AEAD engine " + std::string(aead_name(kind)) +
               " cannot run here: " + engine.error().what + "; available are " + usable};
}

Result<std::unique_ptr<AeadEngine>> make_chosen_engine(const AeadChoice& choice) {
  auto small = make_aead_engine(choice.small);
  if (!small.ok() || choice.small == choice.large) return small;
  auto large = make_aead_engine(choice.large);
  if (!large.ok()) return large;
  return std::unique_ptr<AeadEngine>(
      std::make_unique<SplitEngine>(std::move(small).value(), std::move(large).value()));
}

}  // namespace xm
