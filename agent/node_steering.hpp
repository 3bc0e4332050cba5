// The XDP side of a node: the interfaces it holds, and what they share, which is the maps of
// sessions and peers.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/ctl/attach.hpp"
#include "agent/ctl/attachment_status.hpp"
#include "agent/node_held_interface.hpp"
#include "agent/node_peer_entry.hpp"
#include "agent/node_session_mirror.hpp"
#include "agent/path/worker.hpp"
#include "agent/peer/engine.hpp"
#include "loader/shared_maps.hpp"
#include "xdpmesh/clock.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// Thread: the control thread.
class Steering {
 public:
  // How often interfaces are looked at; a change is acted upon within two of these.
  static constexpr Duration kFollowInterval = 500ms;
  // How often received packets are counted, for `--rx auto`, and the agent's heartbeat is written.
  static constexpr Duration kSampleInterval = 250ms;
  // How often xm_peers is brought up to date, for people.
  static constexpr Duration kPeersInterval = 1s;

  // What becomes of the programs when the agent ends.
  enum class AtTheEnd : std::uint8_t { detach, leave_in_place };

  // All outlive this object. Workers run, or have ended when it is destroyed.
  // `tunnel` says what the agent's own TUN device is called now, `names` what peers are.
  Steering(Engine& engine, std::vector<Worker*> workers, AtTheEnd at_the_end,
           std::function<std::string()> tunnel, std::function<PeerNames()> names)
      : engine_(engine),
        workers_(std::move(workers)),
        at_the_end_(at_the_end),
        tunnel_(std::move(tunnel)),
        names_(std::move(names)) {}
  // As leave().
  ~Steering();
  Steering(const Steering&) = delete;
  Steering& operator=(const Steering&) = delete;

  // As of Controller. A detach that is answered with EAGAIN goes on by itself: tend() ends it.
  [[nodiscard]] Result<AttachReply> attach(const AttachRequest& request, Instant now);
  [[nodiscard]] Result<DetachReply> detach(const std::string& interface);
  [[nodiscard]] std::vector<AttachmentStatus> attachments(Instant now) const;
  [[nodiscard]] bool holds_some() const { return !held_.empty(); }
  // Detaches from everything, or leaves the programs where they are; not what a worker holds that
  // takes its time. Again, when the workers have ended, it does.
  void leave();

  // What the programs check packets against: our port while the tunnel is up (0: it is down), and
  // our public key. Before anything of the new state can be sent.
  void set_terms(std::uint16_t port, const std::optional<PublicKey>& public_key);
  // Something about interfaces, addresses or links has changed: look soon.
  void network_changed() { follow_at_ = {}; }

  // When to call tend(); kFarFuture while nothing is held. `socket_lost`: datagrams that UDP
  // sockets had no room for, so far.
  [[nodiscard]] Instant due() const;
  void tend(Instant now, std::uint64_t socket_lost);

 private:
  // SharedMaps with SessionMirror's face.
  class Table final : public SessionTable {
   public:
    explicit Table(SharedMaps& maps) : maps_(maps) {}
    [[nodiscard]] Status put(std::uint32_t index, const xm_session& session) override {
      return maps_.put_session(index, session);
    }
    void remove(std::uint32_t index) override;
    [[nodiscard]] std::span<xm_replay> replay() override { return maps_.replay(); }

   private:
    SharedMaps& maps_;
  };
  // What all workers have received, and what that took.
  struct Totals {
    std::uint64_t datagrams = 0;
    std::uint64_t batches = 0;
    std::uint64_t socket_lost = 0;
    Duration cpu{};
  };

  [[nodiscard]] Status make_maps(const std::string& interface);
  void publish_sessions();
  void forget_maps();
  [[nodiscard]] HeldInterface* find(const std::string& interface) const;
  [[nodiscard]] Totals totals(std::uint64_t socket_lost) const;
  void hand_out(const RxSample& sample);
  void take_sample(Instant now, std::uint64_t socket_lost);
  void publish_peers();
  void apply_terms();
  void let_leave();

  Engine& engine_;
  std::vector<Worker*> workers_;
  const AtTheEnd at_the_end_;
  std::function<std::string()> tunnel_;
  std::function<PeerNames()> names_;
  SteeringTerms terms_;

  // In order of life.
  std::optional<SharedMaps> maps_;
  std::unique_ptr<Table> table_;
  std::unique_ptr<SessionMirror> mirror_;
  std::list<std::unique_ptr<HeldInterface>> held_;  // in the order of attaching

  Instant follow_at_;
  Instant sample_at_;
  Instant peers_at_;
  Instant sampled_at_;
  Totals sampled_;
  std::vector<xm_peer> peers_;  // as they stand in xm_peers
};

}  // namespace xm
