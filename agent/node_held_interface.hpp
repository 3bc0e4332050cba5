// An interface that this agent holds: its XDP program, the AF_XDP sockets of its queues, and what
// follows when the interface changes.
//
// The order in which it comes to life is the design's (section 2): the program is put there and
// passes everything; sockets are bound; sessions are published (by the owner, between attach() and
// go_live()); the program is configured; heartbeats begin.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/crypto/secret.hpp"
#include "agent/ctl/attach.hpp"
#include "agent/ctl/attachment_status.hpp"
#include "agent/node_backoff.hpp"
#include "agent/node_link_reset.hpp"
#include "agent/node_queues.hpp"
#include "agent/node_rx_choice.hpp"
#include "loader/attachment.hpp"
#include "loader/interface_facts.hpp"
#include "xdpmesh/clock.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// What the program needs to know of the agent.
struct SteeringTerms {
  std::uint16_t port = 0;               // 0: the tunnel is down, and nothing is ours
  std::optional<PublicKey> public_key;  // none: no handshake can be valid, the engine says so
  bool sessions_complete = true;        // every receiver index is in xm_sessions
  friend bool operator==(const SteeringTerms&, const SteeringTerms&) = default;
};

// Thread: the control thread.
class HeldInterface {
 public:
  // `maps` and `workers` outlive it.
  HeldInterface(AttachRequest request, const SharedMaps& maps, std::vector<Worker*> workers)
      : request_(std::move(request)), maps_(maps), queues_(std::move(workers)) {}

  // Puts the program on the interface and binds the sockets; `reply` has every step. An error when
  // nothing could be tried; when everything was refused, or something that was demanded,
  // is_attached() is false.
  [[nodiscard]] Status attach(AttachReply& reply, Instant now);
  // Then, once the sessions are published: redirects, if that is the choice.
  void go_live(const SteeringTerms& terms);

  // Stops redirecting, empties the sockets and takes the program off. False while a worker has not
  // let go of a socket, which is waited for a second: it is leaving then.
  [[nodiscard]] bool detach(std::vector<AttachStep>& steps);
  // Whether a detach() has begun and not ended; nothing brings the interface back to life.
  [[nodiscard]] bool is_leaving() const { return leaving_; }
  // Goes on with that, without waiting. True when it is off; what the driver refused is logged.
  [[nodiscard]] bool finish_leaving();
  // As detach(), but the program stays with its pins and passes everything: the next agent adopts
  // it as it would after a crash, and the driver need not be set up anew. False: call again.
  [[nodiscard]] bool leave_in_place();

  // Looks at the interface and does what its changes ask for: up, down, queues, MTU, addresses,
  // MAC, name, deletion and return.
  void follow(const SteeringTerms& terms, Instant now);
  // The agent lives: the program drops nothing for long without hearing so.
  void beat();
  // The agent's terms have changed.
  void apply(const SteeringTerms& terms);
  // For `--rx auto`: what of the agent's traffic came by this interface. True when it tries the
  // other path from now on.
  bool sample(const RxSample& sample);
  [[nodiscard]] bool is_in_trial() const { return chooser_ && chooser_->is_in_trial(); }
  // Of data messages that the program has seen since the last call.
  [[nodiscard]] std::uint64_t data_bytes();
  // Datagrams that AF_XDP sockets had no room for since the last call.
  [[nodiscard]] std::uint64_t newly_lost();
  // Closes what workers have let go of; true when nothing waits.
  bool reap() { return queues_.reap(); }

  [[nodiscard]] const std::string& name() const { return request_.interface; }
  [[nodiscard]] bool is_attached() const { return attachment_.has_value(); }
  [[nodiscard]] AttachmentStatus status(Instant now) const;

 private:
  // How the program left the interface without our doing.
  enum class Away : std::uint8_t { no, deleted, taken_off };

  void stop_redirecting();
  void take_off(std::vector<AttachStep>& steps);
  void note(AttachStep step);
  [[nodiscard]] XskOptions socket_options() const;
  [[nodiscard]] std::uint32_t wanted_queues() const;
  [[nodiscard]] RxAbilities abilities() const;
  void bind(std::vector<AttachStep>& steps, Duration patience = XskOptions().bind_patience);
  [[nodiscard]] std::string unmet_demand() const;
  void configure();
  void lose_interface(Away how);
  void come_back(Instant now);
  void notice_changes(InterfaceFacts facts, Instant now);
  void notice_mtu();
  void move_pins();
  [[nodiscard]] bool lacks_sockets() const;
  void bind_and_note(Duration patience = XskOptions().bind_patience);

  AttachRequest request_;  // `interface` is the name now
  const SharedMaps& maps_;
  KernelCarrier carrier_;
  std::optional<LinkReset> reset_;  // since it began to leave
  InterfaceFacts facts_;
  std::optional<Attachment> attachment_;
  QueueSockets queues_;
  std::optional<RxChooser> chooser_;
  SteeringTerms terms_;
  bool is_live_ = false;
  bool leaving_ = false;
  bool pins_wait_ = false;  // they are not under its name yet
  Away away_ = Away::no;
  Backoff retry_;        // of binding sockets, and of coming back
  std::string refused_;  // why it did not come back when it was tried last
  std::uint64_t bytes_seen_ = 0;
  std::uint64_t lost_seen_ = 0;
  Instant attached_at_;
  std::vector<AttachStep> steps_;  // of the last attach, and what was done since
};

}  // namespace xm
