// Anti-entropy: two members compare digests and send each other only what differs; who joins asks
// one member for its whole table, a page at a time.
#include <algorithm>
#include <array>
#include <utility>

#include "agent/mesh/digest.hpp"
#include "agent/mesh/swim.hpp"

namespace xm {
namespace {

// Datagrams that one message of the other's may cost; what is left is for the next comparison.
constexpr std::size_t kMaxAnswers = 4;
// Pages of the table that we send in a second, to all who join together.
constexpr Duration kPageCost = 5ms;
constexpr Duration kPageBurst = 100ms;
constexpr Duration kPageTimeout = 1s;
constexpr unsigned kPageTries = 5;
constexpr std::size_t kTableEndSize = 10;

// Messages for one member, in as few datagrams as they fit, and no more than kMaxAnswers.
class Pages {
 public:
  explicit Pages(std::size_t most = kMaxAnswers, std::size_t reserve = 0)
      : most_(most), room_(kMaxGossipPayload - reserve) {}

  // False when it has no room any more.
  bool add(const GossipMessage& message) {
    ByteWriter one;
    write_message(one, message);
    if (pages_.empty() || pages_.back().size() + one.size() > room_) {
      if (pages_.size() == most_) return false;
      pages_.emplace_back();
    }
    pages_.back().bytes(one.written());
    return true;
  }
  // The record, the statement, or both, as wanted. False when not all had room.
  bool add(const SharedRecord& record, const SharedStatement& statement) {
    if (record != nullptr && !add(RecordMessage{record->record, record->certificates})) {
      return false;
    }
    return statement == nullptr || add(StatementMessage{statement->kind, statement->bytes});
  }
  [[nodiscard]] std::size_t count() const { return pages_.size(); }
  [[nodiscard]] std::vector<ByteWriter> take() { return std::move(pages_); }

 private:
  std::size_t most_;
  std::size_t room_;
  std::vector<ByteWriter> pages_;
};

void send_pages(Pages pages, const Identity& to, std::vector<SwimAction>& actions) {
  for (ByteWriter& page : pages.take()) actions.emplace_back(SendPayload{to, {}, page.take()});
}

}  // namespace

// --- digests -------------------------------------------------------------------------------------

void Swim::send_digest(Instant now) {
  digest_at_ = now + options_.digest_interval;
  const auto peers = members_.draw_up(1, self_);
  if (peers.empty()) return;
  const std::size_t buckets = digest_buckets(members_.size() + 1);
  send(peers.front()->identity, DigestMessage{digest_sums(members_.all(), own_entry(), buckets)});
}

void Swim::on_digest(const Member& sender, const DigestMessage& message) {
  const std::size_t buckets = message.sums.size();
  const auto ours = digest_sums(members_.all(), own_entry(), buckets);
  // From anywhere on, so that where much differs everything has its turn.
  const std::size_t start = random_below(random_, buckets);
  std::size_t answers = 0;
  for (std::size_t i = 0; i < buckets && answers < kMaxAnswers; ++i) {
    const std::size_t bucket = (start + i) % buckets;
    if (ours[bucket] == message.sums[bucket]) continue;
    send(sender.identity, entries_in(members_.all(), own_entry(), bucket_range(bucket, buckets)));
    ++answers;
  }
}

// They hold these, and in the range nothing else: what we have newer goes out, what they have newer
// is asked for.
void Swim::on_entries(const Member& sender, const EntriesMessage& message) {
  const auto theirs = [&](const Identity& identity) -> const DigestEntry* {
    for (const DigestEntry& entry : message.entries) {
      if (entry.identity == identity) return &entry;
    }
    return nullptr;
  };
  Pages pages;
  const auto offer = [&](const DigestEntry& ours, const SharedRecord& record,
                         const SharedStatement& statement) {
    const std::uint64_t position = position_of(ours.identity);
    if (position < message.first || position > message.last) return;
    const DigestEntry* const held = theirs(ours.identity);
    const bool newer_record = held == nullptr || held->record_version < ours.record_version;
    const bool newer_word = held == nullptr || held->incarnation < ours.incarnation;
    (void)pages.add(newer_record ? record : nullptr, newer_word ? statement : nullptr);
  };
  offer(own_entry(), own_record_, own_statement_);
  for (const Member& member : members_.all()) {
    offer(digest_entry(member), member.record, member.statement);
  }
  send_pages(std::move(pages), sender.identity, actions_);

  WantMessage want;
  for (const DigestEntry& entry : message.entries) {
    if (entry.identity == self_) continue;
    const Member* const member = members_.find(entry.identity);
    if (member == nullptr || member->record->version < entry.record_version ||
        member->incarnation < entry.incarnation) {
      want.identities.push_back(entry.identity);
    }
  }
  if (!want.identities.empty()) send(sender.identity, want);
}

void Swim::on_want(const Member& sender, const WantMessage& message) {
  Pages pages;
  for (const Identity& identity : message.identities) {
    if (identity == self_) {
      (void)pages.add(own_record_, own_statement_);
    } else if (const Member* const member = members_.find(identity); member != nullptr) {
      (void)pages.add(member->record, member->statement);
    }
  }
  send_pages(std::move(pages), sender.identity, actions_);
}

// --- the whole table -----------------------------------------------------------------------------

void Swim::on_table_request(const Member& sender, const TableRequestMessage& message, Instant now) {
  const Instant paid = std::max(pages_paid_until_, now - kPageBurst) + kPageCost;
  if (paid > now) return;  // it will ask again
  pages_paid_until_ = paid;
  std::vector<const Member*> wanted;
  for (const Member& member : members_.all()) {
    if (position_of(member.identity) >= message.position) wanted.push_back(&member);
  }
  // A page or two hold no more: no need to order all.
  constexpr std::ptrdiff_t kMost = 16;
  const auto few = std::min<std::ptrdiff_t>(kMost, std::ssize(wanted));
  std::partial_sort(wanted.begin(), wanted.begin() + few, wanted.end(),
                    [](const Member* a, const Member* b) { return a->identity < b->identity; });
  // Two, because the largest record and a statement do not fit one.
  Pages pages(2, kTableEndSize);
  if (message.position == 0) (void)pages.add(nullptr, own_statement_);
  TableEndMessage end{message.position, few == std::ssize(wanted)};
  for (std::ptrdiff_t i = 0; i < few; ++i) {
    const Member& member = *wanted[static_cast<std::size_t>(i)];
    if (pages.count() == 2 || !pages.add(member.record, member.statement)) {
      end.is_complete = false;
      break;
    }
    end.next_position = position_of(member.identity) + 1;
  }
  auto written = pages.take();
  if (written.empty()) written.emplace_back();
  write_message(written.back(), end);
  for (ByteWriter& page : written) {
    actions_.emplace_back(SendPayload{sender.identity, {}, page.take()});
  }
}

void Swim::on_table_end(const Member& sender, const TableEndMessage& message, Instant now) {
  if (!joining_.is_active || sender.identity != joining_.through) return;
  if (message.is_complete || message.next_position <= joining_.position) {
    joining_.is_active = !message.is_complete;
    return;
  }
  joining_.position = message.next_position;
  joining_.tries = 0;
  joining_.ask_at = now + options_.table_interval;
}

void Swim::ask_for_table(Instant now) {
  if (joining_.tries >= kPageTries) {
    // Somebody else may be better placed; the digests do the rest where nobody is.
    const auto others = members_.draw_up(1, joining_.through);
    if (others.empty()) {
      joining_.is_active = false;
      return;
    }
    joining_.through = others.front()->identity;
    joining_.tries = 0;
  }
  ++joining_.tries;
  joining_.ask_at = now + kPageTimeout;
  send(joining_.through, TableRequestMessage{joining_.position});
}

}  // namespace xm
