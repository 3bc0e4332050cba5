// Tells each member that is met all revocations that are held here: a page at a time, round the
// whole list once, the next page when the member has acknowledged the one before (a ping goes with
// each page, its ack says that the page came). One that is not is repeated, ever more rarely. Pure:
// acknowledgements and time in, pages out.
//
// Bounds: a page is one datagram; to all members together no more pages leave in a second than of
// the table for those who join (swim_sync.cpp), each member having its turn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "agent/crypto/random.hpp"
#include "agent/mesh/codec.hpp"
#include "agent/mesh/identity.hpp"
#include "agent/mesh/trust.hpp"
#include "xdpmesh/bytes.hpp"
#include "xdpmesh/clock.hpp"

namespace xm {

// One owner.
class RevocationTeller {
 public:
  // What one payload has room for beside the ping: type, length and revocation each.
  static constexpr std::size_t kPageSize =
      (kMaxGossipPayload - kPingSize) / (1 + 2 + kRevocationSize);

  struct Page {
    Identity to;
    std::uint64_t number = 0;        // of the ping that goes with it
    std::vector<Bytes> revocations;  // lent by the store, until that changes
  };

  // `random` outlives it and draws the numbers.
  explicit RevocationTeller(Random& random) : random_(random) {}

  // The member is to hear all `held` revocations from now on. One that is being told already goes
  // on where it is, and once round from there: whoever loses its way often still gets to the end.
  void begin(const Identity& member, std::size_t held, Instant now);
  // The member has answered the ping of this number. Others' numbers mean nothing here.
  void acknowledged(const Identity& member, std::uint64_t number, Instant now);
  void forget(const Identity& member) { told_.erase(member); }
  void forget_all() { told_.clear(); }

  // What is to be sent now.
  [[nodiscard]] std::vector<Page> take_due(const TrustStore& trust, Instant now);
  [[nodiscard]] Instant next_deadline() const { return told_.empty() ? kFarFuture : due_at_; }
  [[nodiscard]] bool is_telling(const Identity& member) const { return told_.contains(member); }

 private:
  struct Told {
    std::optional<RevokedKey> after;  // up to which it has acknowledged; none: from the first on
    std::size_t left = 0;             // revocations until it is round
    std::uint64_t number = 0;         // of the page that is out; 0: none is
    std::size_t page_size = 0;
    RevokedKey page_last;
    Instant next_at;  // when a page is sent, or sent again
    unsigned tries = 0;
  };

  void note_due(Instant at);
  [[nodiscard]] static std::vector<const SignedRevocation*> next_of(const Told& told,
                                                                    const TrustStore& trust);
  [[nodiscard]] Page make_page(const Identity& member, Told& told,
                               const std::vector<const SignedRevocation*>& next, Instant now);

  Random& random_;
  std::map<Identity, Told> told_;
  std::optional<Identity> turn_;  // who had the last page
  Instant paced_until_;           // nothing is sent before
  Instant due_at_ = kFarFuture;
};

}  // namespace xm
