// What our port looks like from outside: asks STUN servers, again and again, and compares what they
// say. Bytes and time go in, actions come out: no descriptor, clock or thread. One owner.
//
// Every server is asked in transactions of its own: one request, repeated by the RFC's schedule
// until it is answered, fails or is given up. An answer counts when both the transaction, 96 random
// bits, and the server's address are right: whoever cannot see our requests can change nothing.
// Requests have to leave from the port that is asked about, and answers come back to it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "agent/crypto/random.hpp"
#include "agent/nat/stun.hpp"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/clock.hpp"

namespace xm {

// How a NAT chooses the public endpoint of our port, as far as it is known (RFC 4787, section 4.1).
enum class NatMapping : std::uint8_t {
  unknown,               // no server answered, or only one that could be compared
  none,                  // what servers see is an address of our own
  endpoint_independent,  // the same for everybody: others can use it
  address_dependent,     // another one for another destination, by address, or address and port
};
// "unknown", "none", "endpoint-independent", "address-dependent".
[[nodiscard]] const char* to_string(NatMapping mapping);

struct StunOptions {
  // The schedule of RFC 8489, section 6.2.1: sent at 0, 500, 1500, 3500, 7500, 15500 and 31500 ms,
  // and given up 16 · 500 ms after the last.
  Duration first_wait = 500ms;  // RTO
  unsigned transmissions = 7;   // Rc
  unsigned last_waits = 16;     // Rm

  // An answer is good for so long, less up to a fifth at random. Behind a NAT the next request
  // also keeps the mapping: the usual life of one is 30 s and more (RFC 5626, section 4.4.2 asks
  // for 24 to 29 s for that reason).
  Duration refresh_behind_nat = 29s;
  Duration refresh = 300s;  // without a NAT
  Duration retry = 60s;     // after a failure
};

// Where a server stands, for people.
struct StunServerState {
  enum class Stage : std::uint8_t { asking, answered, failed };

  Endpoint server;
  Stage stage = Stage::asking;
  Endpoint mapped;      // from its last answer; stays while it is asked again, goes with a failure
  Instant answered_at;  // the last answer; never: none
  Duration rtt{};       // of the last answer, if no repetition makes that doubtful; else 0
  std::string failure;  // while failed: why, as a clause: "it does not answer (7 requests in 40 s)"
  bool heard = false;   // the last transaction brought an answer, good or bad: it is there
};

struct StunCounters {
  std::uint64_t sent = 0;
  std::uint64_t answers = 0;
  std::uint64_t malformed = 0;   // not an answer by the RFC
  std::uint64_t unexpected = 0;  // of no transaction, or not from its server
};

class StunClient {
 public:
  static constexpr std::size_t kMaxServers = 8;

  // To be sent from the port, as it is.
  struct Send {
    Endpoint to;
    StunRequest bytes{};
  };
  // mapping() or mapped() of this family is another one now.
  struct MappingChanged {
    IpAddress::Family family = IpAddress::Family::none;
  };
  using Action = std::variant<Send, MappingChanged>;

  // `random` outlives the client.
  explicit StunClient(Random& random, const StunOptions& options = {});

  // --- inputs ---

  // The servers from now on, resolved; those beyond kMaxServers, and any twice, are left out. One
  // that stays keeps its state, a new one is asked at once.
  void set_servers(std::span<const Endpoint> servers, Instant now);
  // The addresses of this machine: what equals one of them is not mapped.
  void set_local(std::vector<IpAddress> local);
  // Addresses, routes or the port are others: asks every server anew, at most once a second however
  // often it is called. What was known stays until its server has answered, or failed.
  void network_changed(Instant now);
  // A datagram that is_stun(), and where it came from. Read during the call.
  void receive(Bytes datagram, const Endpoint& source, Instant now);
  // The kernel would not send there, for this errno: what only a change of the network mends
  // (no route, no such family, forbidden) fails the transaction at once.
  void send_failed(const Endpoint& to, int error, Instant now);
  void on_timers(Instant now);
  // When on_timers() is due; far future without servers.
  [[nodiscard]] Instant next_deadline() const;

  // --- outputs ---

  // What the inputs since the last call want done, in order.
  [[nodiscard]] std::vector<Action> take_actions() { return std::exchange(actions_, {}); }

  [[nodiscard]] NatMapping mapping(IpAddress::Family family) const {
    return family_of(family).mapping;
  }
  // The endpoints that servers of this family see, each once. With an address-dependent mapping
  // they are of no use to others.
  [[nodiscard]] const std::vector<Endpoint>& mapped(IpAddress::Family family) const {
    return family_of(family).mapped;
  }
  [[nodiscard]] std::vector<StunServerState> servers() const;
  [[nodiscard]] const StunCounters& counters() const { return counters_; }

 private:
  struct Server {
    StunServerState state;
    StunTransaction transaction{};
    unsigned sent = 0;  // requests of the transaction at hand; 0: none is out
    Instant sent_at;    // the first of them
    Instant due_at;     // the next request, or the end
    unsigned round = 0;
  };
  // Answers are compared with answers of the same round only. A new round begins when the network
  // changes, or when one server's answer does: the others are asked before anything is concluded.
  struct Family {
    NatMapping mapping = NatMapping::unknown;
    std::vector<Endpoint> mapped;
    unsigned round = 1;
  };

  [[nodiscard]] const Family& family_of(IpAddress::Family family) const {
    return families_[family == IpAddress::Family::v6 ? 1 : 0];
  }
  [[nodiscard]] Family& family_of(const Server& server) {
    return families_[server.state.server.address.is_v6() ? 1 : 0];
  }
  [[nodiscard]] Server* find(const Endpoint& endpoint);
  void ask_all(Instant now);
  void start(Server& server, Instant now);
  void transmit(Server& server, Instant now);
  void take_answer(Server& server, const StunResponse& response, Instant now);
  void fail(Server& server, std::string why, Instant now);
  void begin_round(Family& family, const Server& changed, Instant now);
  void conclude(IpAddress::Family which);
  [[nodiscard]] NatMapping judge(IpAddress::Family which) const;
  [[nodiscard]] bool is_local(const IpAddress& address) const;
  [[nodiscard]] Duration shortened(Duration interval);
  [[nodiscard]] Duration wait_after(unsigned sent) const;

  Random& random_;
  const StunOptions options_;
  std::vector<Server> servers_;
  std::vector<IpAddress> local_;
  std::array<Family, 2> families_;
  Instant asked_all_at_;
  bool change_waits_ = false;  // for a second to pass since asked_all_at_
  StunCounters counters_;
  std::vector<Action> actions_;
};

}  // namespace xm
