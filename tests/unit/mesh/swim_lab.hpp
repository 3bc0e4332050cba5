// SWIM alone: one node under test, and members that the test plays.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "agent/mesh/swim.hpp"
#include "tests/support/seeded_random.hpp"
#include "tests/support/signed_words.hpp"

namespace xm::test {

// One node under test, and members that the test plays.
struct SwimLab {
  explicit SwimLab(std::size_t others, const SwimOptions& options = {})
      : authority(words, generate_signing_key(random)),
        self(Identity::of(authority.key())),
        swim(self, options, authority, random) {
    const Endpoint where = Endpoint::parse("192.0.2.1:51820").value();
    REQUIRE(swim.start(words.sign_record(authority.key(), 1, where), now));
    for (std::size_t i = 0; i < others; ++i) {
      keys.push_back(generate_signing_key(random));
      records.push_back(words.sign_record(keys[i], 1, where));
      swim.introduce(records[i], alive(i, 1), false, now);
    }
    (void)swim.take_actions();
  }

  [[nodiscard]] Identity member(std::size_t i) const { return Identity::of(keys[i]); }
  [[nodiscard]] SharedStatement alive(std::size_t i, std::uint64_t incarnation) {
    return words.sign_statement(StatementKind::alive, keys[i], 1, incarnation);
  }
  [[nodiscard]] MemberState state(std::size_t i) const {
    return swim.members().find(member(i))->state;
  }

  void say(std::size_t from, const GossipMessage& message, bool is_verified = true) {
    ByteWriter out;
    write_message(out, message);
    const GossipSource source{Endpoint::parse("192.0.2.7:7").value(), is_verified};
    swim.receive(member(from), source, out.written(), now);
  }
  void say_alive(std::size_t from, const SharedStatement& statement) {
    say(from, StatementMessage{statement->kind, statement->bytes});
  }
  void accuse(std::size_t subject, std::size_t accuser, std::uint64_t incarnation,
              bool is_death = false) {
    say(accuser, AccusationMessage{is_death, member(subject), incarnation, member(accuser)});
  }
  // All that is sent to a member meanwhile is kept; members that answer answer pings.
  void pass(Duration span) {
    const Instant end = now + span;
    for (;;) {
      collect();
      const Instant next = swim.next_deadline();
      if (next > end) break;
      now = std::max(now, next);
      swim.on_timers(now);
    }
    now = end;
  }
  // Answers cause more to collect.
  void collect() {
    for (auto actions = swim.take_actions(); !actions.empty(); actions = swim.take_actions()) {
      for (SwimAction& action : actions) {
        if (const auto* const send = std::get_if<SendPayload>(&action)) {
          take(*send);
        } else {
          events.push_back(std::move(action));
        }
      }
    }
  }
  void take(const SendPayload& send) {
    const auto messages = parse_messages(send.payload);
    REQUIRE(messages);
    sent.push_back(send);
    for (const GossipMessage& message : *messages) {
      const auto* const ping = std::get_if<PingMessage>(&message);
      if (ping == nullptr) continue;
      for (std::size_t i = 0; i < keys.size(); ++i) {
        if (answering && member(i) == send.to && i != silent)
          say(i, AckMessage{ping->number, {}, 0});
      }
    }
  }
  template <typename Message>
  [[nodiscard]] std::vector<Message> sent_of() const {
    std::vector<Message> found;
    for (const SendPayload& send : sent) {
      const auto messages = parse_messages(send.payload).value();
      for (const GossipMessage& message : messages) {
        if (const auto* const one = std::get_if<Message>(&message)) found.push_back(*one);
      }
    }
    return found;
  }
  template <typename Event>
  [[nodiscard]] std::size_t events_of() const {
    return static_cast<std::size_t>(std::count_if(
        events.begin(), events.end(),
        [](const SwimAction& event) { return std::holds_alternative<Event>(event); }));
  }

  Instant now{1'000'000'000'000};
  SeededRandom random{3};
  SignedWords words{"mesh"};
  SharedAuthority authority;
  Identity self;
  Swim swim;
  std::vector<SigningKey> keys;
  std::vector<SharedRecord> records;
  std::vector<SendPayload> sent;
  std::vector<SwimAction> events;
  bool answering = true;
  std::size_t silent = SIZE_MAX;  // the member that does not answer
};

}  // namespace xm::test
