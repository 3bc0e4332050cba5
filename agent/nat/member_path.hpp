// Where to send to one member: probes its candidates in order of cost, uses the best that answers,
// looks at it calmly from then on. Time goes in, actions come out. One owner.
//
//                    a candidate answers
//     unknown ── wanted ──> searching ──────────────> direct
//                             ^   │ none does            │ lost, or silent when re-checked
//             again, ever     │   v                      │
//             more rarely     └─ silent <── none does ── searching
//
// Other ways have their places, and no code yet. A mapping that was asked of our router is one more
// candidate of ours (CandidateKind::configured). Punching stands where `searching` runs out, before
// `silent`: both ends probe each other's candidates at the same moment, as a common member tells
// them to; then a candidate answers, and the rest is as above. A relay is what is used while
// `silent`; every search that ends in `direct` takes over from it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "xdpmesh/addr.hpp"
#include "xdpmesh/clock.hpp"

namespace xm {

class MemberPath {
 public:
  static constexpr std::size_t kMostCandidates = 8;  // as a record holds
  // Endpoints beside them: where the member was heard.
  static constexpr std::size_t kMostLearnt = 2;

  // A search begins with one candidate after the other, so that the cheap ones get the time of a
  // round trip first (RFC 8305, section 5: 250 ms). Each is probed at most kProbes times, waiting
  // 1, 2 and 4 s for an answer; once where a cheaper one has answered meanwhile.
  static constexpr Duration kStagger = 250ms;
  static constexpr unsigned kProbes = 3;
  static constexpr Duration kFirstWait = 1s;
  // The endpoint in use is probed when nothing was heard from it for so long.
  static constexpr Duration kQuiet = 60s;
  // Whether there is a better one by now is asked this often.
  static constexpr Duration kSearchAgain = 300s;
  // A search in vain is repeated after this, and after twice as long each time, to kSearchAgain.
  // Nor does a new record make one begin sooner after the last: its sender must not set our pace.
  static constexpr Duration kRetry = 10s;

  // Of two that answer the one with the lower sum is better: the round trip (smoothed as in RFC
  // 6298), and so much for each candidate that stands before it. It takes the other's place only
  // when it is better by the larger of kMargin and a tenth, so that a path does not flap.
  static constexpr Duration kPlaceCost = 5ms;
  static constexpr Duration kMargin = 2ms;
  // Of one whose round trip nobody measured.
  static constexpr Duration kAssumedRoundTrip = 100ms;

  enum class Reach : std::uint8_t {
    unknown,    // not looked for
    searching,  // probes are out, and nothing answers yet
    direct,     // the endpoint in use answers
    silent,     // none answers
  };

  // Ask the member to answer from there: the answer, if it proves that it is the member's, comes
  // back as verified().
  struct Probe {
    Endpoint endpoint;
  };
  // Send there from now on.
  struct Use {
    Endpoint endpoint;
  };
  using Action = std::variant<Probe, Use>;

  // --- inputs; what they want done is appended to `actions` ---

  // What usable_candidates() left of its record, the best first; more than kMostCandidates are
  // cut off. What is known of those that stay is kept, and the endpoint in use stays in use.
  void set_candidates(std::span<const Endpoint> candidates, Instant now);
  // Whether somebody wants to send. Without it nothing is probed, and what is known stays.
  void set_wanted(bool wanted, Instant now);
  // It answered from there. `round_trip` 0: not measured.
  void verified(const Endpoint& endpoint, Duration round_trip, Instant now,
                std::vector<Action>& actions);
  // Something authentic came from there: it lives. Of the endpoint in use only.
  void heard(const Endpoint& endpoint, Instant now);
  // It has proved to be there now, without having been asked: it has moved.
  void roamed(const Endpoint& endpoint, Instant now);
  // The endpoint in use does not answer, says who sends there. Any other is ignored.
  void lost(const Endpoint& endpoint, Instant now, std::vector<Action>& actions);
  // Everything may be different: looks for all candidates afresh.
  void network_changed(Instant now);
  void on_timers(Instant now, std::vector<Action>& actions);
  // Far future while nothing is wanted.
  [[nodiscard]] Instant next_deadline() const;

  // --- outputs ---

  // Where to send, also while it does not answer; not set when nothing ever answered.
  [[nodiscard]] const Endpoint& endpoint() const { return used_; }
  [[nodiscard]] Reach reach() const;

 private:
  struct Way {
    Endpoint endpoint;
    bool offered = false;         // a candidate; else learnt
    bool answers = false;         // it did when it was last asked
    Duration round_trip{};        // smoothed; 0: not measured
    Instant heard_at;             // something authentic from there
    unsigned probes = 0;          // since it was last due afresh
    Instant probed_at;            // the last of them
    Instant due_at = kFarFuture;  // the next probe, or the end of the wait for an answer
  };

  [[nodiscard]] const Way* find(const Endpoint& endpoint) const;
  [[nodiscard]] Way* find(const Endpoint& endpoint);
  // The way, made if there is none; what find() gave before may be gone.
  Way& learn(const Endpoint& endpoint);
  [[nodiscard]] bool uses_what_answers() const;
  [[nodiscard]] Instant quiet_at() const;
  void search(Instant now);
  void end_search_if_done(Instant now);
  void probe_or_give_up(Way& way, Instant now, std::vector<Action>& actions);
  [[nodiscard]] unsigned probes_for(const Way& way) const;
  void choose(std::vector<Action>& actions);
  [[nodiscard]] Duration cost_of(const Way& way) const;

  std::vector<Way> ways_;  // candidates in order of cost, then the learnt ones
  Endpoint used_;
  bool wanted_ = false;
  bool searching_ = false;
  bool searched_in_vain_ = false;   // stays until something answers or changes
  Instant searched_at_;             // when the last search began
  Instant search_at_ = kFarFuture;  // the next one
  Duration retry_ = kRetry;
};

}  // namespace xm
