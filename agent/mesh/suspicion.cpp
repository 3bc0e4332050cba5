#include "agent/mesh/suspicion.hpp"

#include <algorithm>
#include <cmath>

namespace xm {

SuspicionTimes suspicion_times(Duration period, std::size_t members, bool lifeguard) {
  const double scale =
      std::max(1.0, std::log10(static_cast<double>(std::max<std::size_t>(members, 1))));
  const Duration least(
      static_cast<std::int64_t>(5.0 * scale * static_cast<double>(period.count())));
  if (!lifeguard) return {least, least, 0};
  // Neither we nor the suspect can confirm what we began.
  const std::size_t others = members > 2 ? members - 2 : 0;
  const std::size_t confirmations = std::min(kSuspicionConfirmations, others);
  return {least, confirmations == 0 ? least : least * kUnconfirmedFactor, confirmations};
}

Suspicion::Suspicion(Instant now, const SuspicionTimes& times, const Identity& accuser)
    : started_(now), times_(times) {
  by_[0] = accuser;
}

bool Suspicion::confirm(const Identity& accuser) {
  if (accusers_ > times_.confirmations || is_accuser(accuser)) return false;
  by_[accusers_++] = accuser;
  return true;
}

bool Suspicion::is_accuser(const Identity& identity) const {
  const auto end = by_.begin() + static_cast<std::ptrdiff_t>(accusers_);
  return std::find(by_.begin(), end, identity) != end;
}

Instant Suspicion::deadline() const {
  if (times_.confirmations == 0) return started_ + times_.least;
  const double share = std::log(static_cast<double>(confirmations()) + 1.0) /
                       std::log(static_cast<double>(times_.confirmations) + 1.0);
  const auto span = static_cast<double>((times_.most - times_.least).count());
  return started_ + times_.most - Duration(static_cast<std::int64_t>(share * span));
}

bool Suspicion::take_question(Instant now) {
  if (is_asked_ || now < started_ + times_.least) return false;
  is_asked_ = true;
  return true;
}

Instant Suspicion::due() const {
  return is_asked_ ? deadline() : std::min(deadline(), started_ + times_.least);
}

}  // namespace xm
