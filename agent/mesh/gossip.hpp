// The mesh's datagrams: who may talk to us, under which key, from which address; and SWIM above it.
// Datagrams and time go in, actions come out: no descriptor, clock or thread.
//
//   gossip.cpp            inputs, sealed datagrams
//   gossip_endpoints.cpp  where members are
//   gossip_hello.cpp      the way to a session: hello, answer, cookie, stale
//
// What a stranger gets: silence without the mac; with it, for a hello, one answer or cookie of no
// more bytes, and that only when its record makes it a member. A session changes hands, and an
// address becomes a member's endpoint, only by the echo of a fresh challenge from that address. A
// datagram of a life that is over changes nothing and gets at most a `stale` of fewer bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "agent/crypto/random.hpp"
#include "agent/crypto/secret.hpp"
#include "agent/mesh/envelope.hpp"
#include "agent/mesh/gossip_session.hpp"
#include "agent/mesh/hello_guard.hpp"
#include "agent/mesh/swim.hpp"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/clock.hpp"

namespace xm {

struct SendDatagram {
  Endpoint to;
  std::vector<std::uint8_t> bytes;
};
// The member has proved that it receives here.
struct EndpointVerified {
  Identity identity;
  Endpoint endpoint;
};
// The member has answered probe() from there. Where it is sent to has not changed by that.
struct ProbeAnswered {
  Identity identity;
  Endpoint endpoint;
  Duration round_trip{};
};
// The two have proved to each other that they are who and where they say: once a life of either,
// and when they find each other again after silence.
struct SessionBegan {
  Identity identity;
  bool is_new_life = true;  // the member runs under another boot id than we knew
};
using GossipAction =
    std::variant<SendDatagram, EndpointVerified, ProbeAnswered, SessionBegan, MemberChanged,
                 TrySeed, EndpointObserved, ClockTold, OtherPingAnswered, RevocationsWanted,
                 DuplicateIdentity, OwnRecordOutdated>;

struct GossipOptions {
  std::string mesh;
  SwimOptions swim;
  // Trusted here: a hello keyed by one of these is looked at as well as one keyed by our identity.
  std::vector<VerifyKey> organisations;
  std::int64_t hellos_per_second = HelloGuard::kHellosPerSecond;
  // Which of the endpoints in a member's record may be sent to; none: all.
  std::function<bool(const Endpoint&)> is_usable;
};

// Datagrams that went no further, each counted once.
struct GossipCounters {
  std::uint64_t malformed = 0;
  std::uint64_t bad_mac = 0;
  std::uint64_t wanted_cookie = 0;  // answered with a cookie
  std::uint64_t rate_limited = 0;
  std::uint64_t queue_full = 0;
  std::uint64_t not_a_member = 0;  // a hello whose record was refused
  std::uint64_t unknown_sender = 0;
  std::uint64_t stale = 0;       // of another life, of either end
  std::uint64_t bad_tag = 0;     // does not open, or was received before
  std::uint64_t no_echo = 0;     // opens a new session, but proves no address
  std::uint64_t unexpected = 0;  // answer, cookie or stale that answers nothing of ours
};

class Gossip {
 public:
  // `private_key` is the X25519 form of the identity's key. The references outlive it.
  Gossip(const Identity& self, Key private_key, const GossipOptions& options, Authority& authority,
         Random& random);

  // --- inputs ---

  [[nodiscard]] bool start(SharedRecord own_record, Instant now);
  // A datagram that is_gossip(). Read during the call.
  void receive(Bytes datagram, const Endpoint& source, Instant now);
  // A seed, or any node that may be reached there: asks it for a session, and for its table.
  void contact(const Identity& identity, const Endpoint& endpoint, Instant now);
  // Somebody of this organisation may be reached there.
  void contact_organisation(const VerifyKey& organisation, const Endpoint& endpoint, Instant now);
  // A session with a member is wanted now: a packet waits for it. Nothing when there is one.
  void want_session(const Identity& identity, Instant now);
  // Whether a member answers there: with a session a challenge goes out, without one a greeting.
  void probe(const Identity& identity, const Endpoint& endpoint, Instant now);
  // Of the endpoints that have answered, this is the one to send to.
  void use_endpoint(const Identity& identity, const Endpoint& endpoint);
  // Where a member may be reached, the best first; replaces what its record said.
  void set_candidates(const Identity& identity, std::vector<Endpoint> candidates);
  // The data plane has authenticated a packet of this member, from there.
  void heard_elsewhere(const Identity& identity, const Endpoint& source, Instant now);
  void set_own_record(SharedRecord record, Instant now);
  void set_organisations(const std::vector<VerifyKey>& organisations);
  // As in the options. Whoever is a member stays one.
  void set_limits(std::size_t max_members, std::int64_t hellos_per_second);
  // Not a member any more: its session is gone at once.
  void remove(const Identity& identity, Instant now);
  void spread_revocation(Bytes revocation, Instant now);
  // To one member: those that it may have missed. `number` is of a ping that goes behind them,
  // whose answer is OtherPingAnswered; 0: none does.
  void tell_revocations(const Identity& to, const std::vector<Bytes>& revocations,
                        std::uint64_t number, Instant now);
  // Asks a member for all that it holds.
  void want_revocations(const Identity& from, Instant now);
  void leave(Instant now);
  void on_timers(Instant now);
  [[nodiscard]] Instant next_deadline() const;

  // --- outputs ---

  // What the inputs since the last call want done, in order.
  [[nodiscard]] std::vector<GossipAction> take_actions() { return std::exchange(actions_, {}); }

  [[nodiscard]] const Swim& swim() const { return swim_; }
  [[nodiscard]] const GossipCounters& counters() const { return counters_; }
  // Not set while none has been verified.
  [[nodiscard]] Endpoint endpoint_of(const Identity& identity) const;
  [[nodiscard]] bool has_session(const Identity& identity) const;
  // When we sent it something in its session that nothing has followed from it yet; never: it was
  // heard.
  [[nodiscard]] Instant unheard_since(const Identity& identity) const;
  // Whether it was greeted without an answer since the last session.
  [[nodiscard]] bool has_tried(const Identity& identity) const;
  // Identities for which something is kept: members, and those that were contacted.
  [[nodiscard]] std::size_t peers() const { return peers_.size(); }

 private:
  struct IdentityHash {
    std::size_t operator()(const Identity& identity) const { return sender_hint(identity); }
  };
  // Our hello that waits for its answer.
  struct Greeting {
    bool is_underway = false;
    bool was_full = false;
    Challenge challenge{};
    GossipCookie cookie{};
    unsigned tries = 0;
    Instant again_at;       // not before
    Instant challenged_at;  // when the challenge was drawn
  };
  struct Peer {
    Identity identity;
    Key mac_key;
    std::optional<Key> shared;  // X25519; computed when first needed
    std::optional<GossipSession> current;
    std::optional<GossipSession> pending;  // answered, but not proved
    SharedRecord record;                   // that came with a hello: introduced when proved
    bool had_session = false;
    Endpoint endpoint;  // verified, or unset
    std::vector<Endpoint> candidates;
    std::size_t next_candidate = 0;
    Greeting greeting;
    bool wants_full = false;  // it does not know us
    bool wants_join = false;  // contacted: its table is wanted
    Instant heard_at;
    Instant unheard_since;  // first sent without having heard since; never: nothing is out
    Instant challenged_at;
    std::vector<std::pair<Endpoint, Instant>> probes;  // that wait for an echo, with when they left
    Mac16 last_mac{};                                  // of the last datagram that we sent it
    std::vector<std::vector<std::uint8_t>> waiting;    // payloads without a session
  };
  // What an authentic answer leads to.
  struct OpenedAnswer {
    GossipSession session;
    Challenge challenge{};
    bool knows_other_boot = false;
  };
  struct OrganisationContact {
    VerifyKey organisation{};
    Endpoint endpoint;
    Challenge challenge{};
    GossipCookie cookie{};
    Instant sent_at;
  };

  // gossip.cpp
  void on_sealed(Bytes datagram, const Endpoint& source, Instant now);
  void on_authentic(Peer& peer, Bytes payload, const Endpoint& source, std::size_t size,
                    Instant now);
  [[nodiscard]] bool prove_pending(Peer& peer, Bytes payload, std::uint64_t counter,
                                   const Endpoint& source, Instant now);
  void send_payload(const SendPayload& payload, Instant now);
  void seal_and_send(Peer& peer, const Endpoint& to, Bytes payload, Instant now);
  void pump(Instant now);
  [[nodiscard]] Peer& peer_of(const Identity& identity);
  [[nodiscard]] Peer* find(const Identity& identity);
  void forget(const Identity& identity);
  void send_datagram(const Endpoint& to, std::vector<std::uint8_t> bytes);

  // gossip_endpoints.cpp
  void on_echo(Peer& peer, const Endpoint& source, Instant now);
  void set_endpoint(Peer& peer, const Endpoint& endpoint);
  void challenge(Peer& peer, const Endpoint& source, Instant now);
  static void try_first(Peer& peer, const Endpoint& endpoint);
  [[nodiscard]] static Endpoint next_candidate(Peer& peer);

  // gossip_hello.cpp
  void on_hello(Bytes datagram, const Endpoint& source, Instant now);
  void answer_hello(Bytes datagram, const Endpoint& source, Instant now);
  [[nodiscard]] SharedRecord admit(const Identity& sender, Bytes record, Bytes certificates);
  void on_answer(Bytes datagram, const Endpoint& source, Instant now);
  void on_contact_answer(const HelloAnswer& answer, const Endpoint& source, Instant now);
  [[nodiscard]] std::optional<OpenedAnswer> open_answer(Peer& peer, const HelloAnswer& answer,
                                                        Instant now);
  void begin_session(Peer& peer, OpenedAnswer opened, const Endpoint& source, Instant now);
  void on_cookie(Bytes datagram, Instant now);
  void on_stale(Bytes datagram, const Endpoint& source, Instant now);
  void send_stale(Bytes datagram, const Identity& sender, const Endpoint& source, Instant now);
  void greet(Peer& peer, Instant now);
  void greet_at(Peer& peer, const Endpoint& to, Instant now);
  void greet_organisation(OrganisationContact& contact, Instant now);
  void repeat_greetings(Instant now);
  [[nodiscard]] bool make_shared(Peer& peer) const;
  [[nodiscard]] GossipSession session_with(const Peer& peer, const BootId& boot) const;
  [[nodiscard]] OrganisationContact* find_contact(const Challenge& echo);
  void reported_duplicate(Instant now);

  const Identity self_;
  const Key private_key_;
  const std::string mesh_;
  const std::function<bool(const Endpoint&)> is_usable_;
  Authority& authority_;
  Random& random_;
  Swim swim_;
  HelloGuard guard_;
  RateLimiter stale_limit_;
  Key mac_key_;
  std::vector<Key> organisation_mac_keys_;
  BootId boot_{};
  SharedRecord own_record_;
  std::uint64_t next_counter_ = 0;  // of all sessions: a nonce is never used twice in a life

  std::unordered_map<Identity, Peer, IdentityHash> peers_;
  std::unordered_map<std::uint64_t, Identity> by_hint_;
  std::vector<Identity> greeted_;  // whose hello may have to be repeated
  std::vector<OrganisationContact> contacts_;
  std::size_t allowance_ = 0;  // bytes that may go to an unverified address, for the one at hand
  Instant quiet_until_;        // after another node with our identity was reported
  Instant reported_at_;
  GossipCounters counters_;
  std::vector<GossipAction> actions_;
};

}  // namespace xm
