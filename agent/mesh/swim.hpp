// Who is in the mesh and who answers: SWIM (Das et al. 2002) with Lifeguard (Dadgar et al. 2018)
// and anti-entropy. Payloads, identities and time go in, actions come out: no descriptor, clock,
// thread, key or signature. Whoever calls receive() has authenticated the sender.
//
//   swim.cpp         inputs, deadlines, own record and statement, the dispatch of what came
//   swim_probe.cpp   pings, their helpers, and the probes of the dead
//   swim_claims.cpp  what members say of others and of themselves
//   swim_sync.cpp    digests, and the table for who joins
//
// Death is a local mark:
//   - an accusation makes a suspect, and only of the incarnation that we hold signed;
//   - a claim of death only confirms a suspicion that exists;
//   - a suspect whose time is up (suspicion.hpp) is marked dead here, and nowhere else;
//   - a member's own answer clears suspect and dead, here; its signed statement of a higher
//     incarnation clears them everywhere;
//   - the first answer of a dead member starts a sweep of all the dead, at most 50 a second;
//     otherwise one dead member or seed is tried every 10 s.
// A member is forgotten when its record has expired.
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "agent/crypto/random.hpp"
#include "agent/mesh/authority.hpp"
#include "agent/mesh/awareness.hpp"
#include "agent/mesh/codec.hpp"
#include "agent/mesh/gossip_queue.hpp"
#include "agent/mesh/members.hpp"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/clock.hpp"

namespace xm {

struct SwimOptions {
  Duration period = 500ms;
  Duration ping_timeout = 200ms;  // then a second ping and the helpers
  std::size_t helpers = 4;
  Duration nack_after = 150ms;  // a helper's patience with the target
  Duration gossip_interval = 200ms;
  std::size_t gossip_peers = 3;
  Duration digest_interval = 10s;
  Duration dead_probe_interval = 10s;
  Duration sweep_interval = 20ms;  // 50 a second
  Duration table_interval = 20ms;  // between the pages that a joiner asks for
  std::size_t max_members = 10'000;
  // Signatures checked, for all senders together; those of revocations apart.
  std::int64_t verifications_per_second = 2'000;
  std::int64_t revocations_per_second = 1'000;
  bool lifeguard = true;  // off only to compare with
};

// Where a payload came from, and whether that address has echoed a challenge of ours.
struct GossipSource {
  Endpoint address;
  bool is_verified = false;
};

// A payload for a member. `via` is set where it answers a payload from that very address, which is
// not verified: then it is no longer than that payload was.
struct SendPayload {
  Identity to;
  Endpoint via;
  std::vector<std::uint8_t> payload;
};
enum class MemberChange : std::uint8_t {
  joined,  // its first record came
  alive,   // was suspect, dead or left
  suspect,
  dead,
  left,
  record,     // a newer record came
  forgotten,  // not in the table any more
};
// "joined", "alive", …
[[nodiscard]] std::string_view member_change_name(MemberChange change);
struct MemberChanged {
  Identity identity;
  MemberChange change = MemberChange::joined;
};
// It is the turn of a seed that is not up, if there is one.
struct TrySeed {};
// A member saw our ping come from this address.
struct EndpointObserved {
  Identity by;
  Endpoint address;
};
// A member's wall clock, as it was a moment ago (AckMessage::clock).
struct ClockTold {
  Identity by;
  std::uint32_t clock = 0;
};
// A member answered a ping that SWIM itself has not sent, or not lately.
struct OtherPingAnswered {
  Identity by;
  std::uint64_t number = 0;
};
// A member wants to be told all revocations.
struct RevocationsWanted {
  Identity by;
};
// Someone else signs with our key: statements above ours keep coming.
struct DuplicateIdentity {};
// A record of ours is about that is as new as ours or newer, and not ours: issue one above it.
struct OwnRecordOutdated {
  std::uint64_t seen_version = 0;
};

using SwimAction =
    std::variant<SendPayload, MemberChanged, TrySeed, EndpointObserved, ClockTold,
                 OtherPingAnswered, RevocationsWanted, DuplicateIdentity, OwnRecordOutdated>;

// What was refused, and how often.
struct SwimCounters {
  std::uint64_t malformed = 0;           // payload not as codec.hpp says
  std::uint64_t unknown_sender = 0;      // no record of the sender is held
  std::uint64_t refused_statements = 0;  // signature, mesh or form
  std::uint64_t refused_records = 0;     // the same, or no member
  std::uint64_t refused_accusations =
      0;                          // unknown, other incarnation, or above the accuser's limit
  std::uint64_t over_budget = 0;  // not looked at: too many signatures a second
  std::uint64_t table_full = 0;   // a member for whom there is no room
};

class Swim {
 public:
  // All outlive it. start() comes first.
  Swim(const Identity& self, const SwimOptions& options, Authority& authority, Random& random);

  // --- inputs ---

  // Begins with an own record, and keeps still until somebody is introduced. False when the
  // authority had no incarnation or signature for us.
  [[nodiscard]] bool start(SharedRecord own_record, Instant now);
  // A newer record of ours: it is passed on.
  void set_own_record(SharedRecord record, Instant now);
  // A member whose record, and statement if there is one, the authority has admitted outside
  // gossip: from a hello, or from disk. `is_news`: the record is passed on. False when the table is
  // full.
  bool introduce(const SharedRecord& record, const SharedStatement& statement, bool is_news,
                 Instant now);
  // Asks this member for its whole table, and tells it of us.
  void join(const Identity& through, Instant now);
  // Not a member any more (revoked, trust removed).
  void remove(const Identity& identity);
  // Members that are there stay, however many they are.
  void set_max_members(std::size_t most) { members_.set_capacity(most); }
  // Says good-bye to three members at once; they pass it on. Nothing is sent afterwards.
  void leave(Instant now);
  // A revocation that was made or learnt here: it is passed on.
  void spread_revocation(Bytes revocation, Instant now);

  // What `from`, authenticated, says. Read during the call.
  void receive(const Identity& from, const GossipSource& source, Bytes payload, Instant now);
  // The member answered otherwise: an authenticated WireGuard packet.
  void heard_answer(const Identity& from, Instant now);
  // To be called at next_deadline(); earlier or later does no harm.
  void on_timers(Instant now);
  [[nodiscard]] Instant next_deadline() const;

  // --- outputs ---

  // What the inputs since the last call want done, in order.
  [[nodiscard]] std::vector<SwimAction> take_actions() { return std::exchange(actions_, {}); }

  [[nodiscard]] const MemberTable& members() const { return members_; }
  [[nodiscard]] const Identity& self() const { return self_; }
  [[nodiscard]] std::uint64_t incarnation() const { return own_statement_->incarnation; }
  [[nodiscard]] int awareness() const { return awareness_.score(); }
  [[nodiscard]] std::size_t news() const { return queue_.size(); }
  [[nodiscard]] bool is_joining() const { return joining_.is_active; }
  [[nodiscard]] const SwimCounters& counters() const { return counters_; }

 private:
  struct Probe {
    bool is_active = false;
    Identity target;
    std::uint64_t number = 0;
    Instant second_at;  // far future: the second ping and the requests have left
    std::vector<Identity> helpers;
    std::size_t nacks = 0;
    bool is_answered = false;
  };
  // A ping that we sent for another.
  struct Relay {
    Identity origin;
    std::uint64_t number = 0;
    Identity target;
    Instant nack_at;  // far future: the nack has left
    Instant ends_at;
  };
  struct Joining {
    bool is_active = false;
    Identity through;
    std::uint64_t position = 0;
    unsigned tries = 0;
    Instant ask_at;
  };

  // swim.cpp
  void dispatch(Member& sender, const GossipSource& source, const GossipMessage& message,
                Instant now);
  [[nodiscard]] DigestEntry own_entry() const;
  [[nodiscard]] std::size_t population() const { return members_.up() + 1; }
  void send(const Identity& to, const GossipMessage& message);
  void send_with_news(const Identity& to, ByteWriter out);
  void push_news(const NewsTopic& topic, const GossipMessage& news, Instant now);
  void push_own_statement(Instant now);
  void gossip(Instant now);
  void change_state(Member& member, MemberState state, Instant now);
  // Whether one more signature may be checked now.
  [[nodiscard]] bool spend_verification(Instant now);
  [[nodiscard]] bool spend_revocation(Instant now);
  [[nodiscard]] bool spend(Instant& paid_until, std::int64_t per_second, Instant now);

  // swim_probe.cpp
  void on_ping(Member& sender, const GossipSource& source, const PingMessage& message);
  void on_ack(Member& sender, const AckMessage& message, Instant now);
  void on_ping_request(const Member& sender, const PingRequestMessage& message, Instant now);
  void on_relayed_ack(const Identity& sender, std::uint64_t number);
  void on_nack(const Identity& sender, std::uint64_t number);
  void answered(Member& member, Instant now);
  void send_ping(Member& member, Instant now);
  void begin_period(Instant now);
  void end_probe(Instant now);
  void ask_helpers(Instant now);
  void expire_relays(Instant now);
  void start_sweep(const Identity& but, Instant now);
  void sweep_one(Instant now);
  void probe_dead_or_seed(Instant now);
  void recheck(const Member& member, Instant now);

  // swim_claims.cpp
  void on_accusation(const Member& sender, const AccusationMessage& message, Instant now);
  void accused_ourselves(const AccusationMessage& message, Instant now);
  void refute(Instant now);
  void on_statement(const Member& sender, const StatementMessage& message, Instant now);
  void take_statement(Member& member, const SharedStatement& statement, Instant now);
  void on_own_statement(std::uint64_t incarnation, Instant now);
  void on_record(const RecordMessage& message, Instant now);
  void on_revocation(const RevocationMessage& message, Instant now);
  void suspect(Member& member, const Identity& accuser, Instant now);
  void pass_on_accusation(const Member& member, const Identity& accuser, bool is_death,
                          Instant now);
  [[nodiscard]] bool pay_for_accusation(Member& accuser, Instant now);
  void expire_suspicions(Instant now);
  [[nodiscard]] bool raise_incarnation(std::uint64_t above);
  void forget_expired(Instant now);

  // swim_sync.cpp
  void on_digest(const Member& sender, const DigestMessage& message);
  void on_entries(const Member& sender, const EntriesMessage& message);
  void on_want(const Member& sender, const WantMessage& message);
  void on_table_request(const Member& sender, const TableRequestMessage& message, Instant now);
  void on_table_end(const Member& sender, const TableEndMessage& message, Instant now);
  void send_digest(Instant now);
  void ask_for_table(Instant now);

  const Identity self_;
  const SwimOptions options_;
  Authority& authority_;
  Random& random_;

  MemberTable members_;
  SharedRecord own_record_;
  SharedStatement own_statement_;
  GossipQueue queue_;
  Awareness awareness_;
  SwimCounters counters_;
  std::vector<SwimAction> actions_;
  bool has_left_ = false;

  Probe probe_;
  std::vector<Relay> relays_;
  std::deque<Identity> sweep_;
  std::vector<Identity> suspects_;
  Joining joining_;

  Instant period_at_ = kFarFuture;
  Instant gossip_at_ = kFarFuture;
  Instant gossiped_at_;
  Instant digest_at_ = kFarFuture;
  Instant dead_probe_at_ = kFarFuture;
  Instant sweep_at_ = kFarFuture;
  Instant next_sweep_;  // not begun again before
  Instant suspicion_at_ = kFarFuture;
  Instant relay_at_ = kFarFuture;
  Instant forget_at_ = kFarFuture;
  Instant refute_at_ = kFarFuture;  // accused, and not answered yet
  Instant refute_not_before_;
  Instant verifications_paid_until_;
  Instant revocations_paid_until_;
  Instant pages_paid_until_;
  Instant want_again_at_;
  Instant foreign_since_;
  unsigned foreign_statements_ = 0;
};

}  // namespace xm
