// The names in a mesh's configuration, looked up and looked up again: seeds, STUN servers, static
// peers' endpoints.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/io/name_lookup.hpp"
#include "agent/mesh/identity.hpp"
#include "agent/store/config.hpp"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/clock.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// A place that is known by name, and where that was found to be.
struct SoughtSeed {
  Seed seed;
  // Where the name leads; an identity that its TXT records give counts for its own target only.
  struct Place {
    std::optional<Identity> identity;
    Endpoint endpoint;
  };
  std::vector<Place> places;
  std::string fault;    // of the last look-up
  bool is_due = false;  // to be looked up with the next round
};

// A static peer, and where it was found.
struct SoughtPeer {
  StaticPeer peer;
  Endpoint endpoint;  // the first address; may be unset
  std::string fault;
  bool is_due = false;
  bool has_moved = false;  // another place is configured, where the peer has not been put yet
};

// Thread: the control thread.
class MeshNames {
 public:
  [[nodiscard]] static Result<std::unique_ptr<MeshNames>> create(
      std::unique_ptr<Resolver> resolver = system_resolver());

  // Replaces what was there, and asks for everything.
  void set(const MeshConfig& config, Instant now);
  // The network has changed: names may lead elsewhere.
  void ask_again(Instant now);
  // Nobody is there, and the seeds' names may lead to more than they did: a Service without an
  // address of its own knows this node alone while its first nodes start.
  void ask_soon(Instant now);

  // To poll for reading; then call take().
  [[nodiscard]] int fd() const { return lookup_->fd(); }
  // Answers are in their places when this returns; says of which kinds there were any.
  struct News {
    std::vector<std::size_t> seeds;  // indices
    bool servers = false;
    std::vector<std::size_t> peers;
  };
  [[nodiscard]] News take(Instant now);
  void on_timers(Instant now);
  [[nodiscard]] Instant next_deadline() const { return std::min(again_at_, due_at_); }

  [[nodiscard]] const std::vector<SoughtSeed>& seeds() const { return seeds_; }
  // The STUN servers, every address of each.
  [[nodiscard]] std::vector<Endpoint> servers() const;
  [[nodiscard]] const std::vector<SoughtPeer>& peers() const { return peers_; }
  // The static peer with this index has been put where it was found. It may not have been at once:
  // while a member has its key.
  void placed(std::size_t index) { peers_.at(index).has_moved = false; }
  // What could not be found, each a sentence.
  [[nodiscard]] std::vector<std::string> faults() const;

 private:
  enum class Kind : std::uint8_t { seed, server, peer };
  struct Server {
    HostPort at;
    std::vector<Endpoint> endpoints;
    std::string fault;
    bool is_due = false;
  };

  explicit MeshNames(std::unique_ptr<NameLookup> lookup) : lookup_(std::move(lookup)) {}

  // Of what is due: the whole with ask_again(), what led nowhere or had no room sooner.
  void ask_due(Instant now);
  // Whether it need not be asked with the next round.
  [[nodiscard]] bool ask(Kind kind, std::size_t index, const HostPort& at, bool identities);
  [[nodiscard]] SoughtPeer sought(const StaticPeer& peer) const;
  void take_seed(SoughtSeed& sought, const NameResult& result);

  std::unique_ptr<NameLookup> lookup_;
  std::uint64_t generation_ = 0;  // answers to what is configured no longer are left aside
  std::size_t unanswered_ = 0;    // of this generation
  Duration interval_{};
  Instant again_at_ = kFarFuture;  // all
  Instant due_at_ = kFarFuture;    // what is due
  std::vector<SoughtSeed> seeds_;
  std::vector<Server> servers_;
  std::vector<SoughtPeer> peers_;
};

}  // namespace xm
