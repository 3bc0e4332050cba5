#include "agent/node_steering.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "agent/ctl/attach_plan.hpp"
#include "agent/node_cpus.hpp"
#include "loader/attachment.hpp"
#include "xdpmesh/log.hpp"

namespace xm {
void Steering::Table::remove(std::uint32_t index) {
  if (Status removed = maps_.remove_session(index); !removed) {
    log::verbose(removed.error().what);
  }
}

Steering::~Steering() {
  leave();
  held_.clear();
  forget_maps();
}

void Steering::leave() {
  for (const auto& held : held_) {
    std::vector<AttachStep> steps;
    const bool goes = at_the_end_ == AtTheEnd::detach || held->is_leaving();
    (void)(goes ? held->detach(steps) : held->leave_in_place());
  }
}

// --- attaching and detaching ---

Result<AttachReply> Steering::attach(const AttachRequest& request, Instant now) {
  if (const HeldInterface* const held = find(request.interface); held != nullptr) {
    if (held->is_leaving()) {
      return Error{request.interface +
                       " is being detached, and a worker has not let go of its AF_XDP sockets "
                       "yet: try again",
                   EBUSY};
    }
    return Error{"this agent holds " + request.interface + " already: `xdp-mesh detach " +
                     request.interface + "` first",
                 EBUSY};
  }
  if (request.interface == tunnel_()) {
    return Error{request.interface +
                     " is this agent's own tunnel device: attach to an interface that encrypted "
                     "packets come in by, such as eth0",
                 EINVAL};
  }
  if (request.dry_run) {
    auto facts = interface_facts(request.interface);
    if (!facts) return facts.error();
    return plan_attach(request, *facts, loader_facts());
  }
  AttachReply reply;
  reply.interface = request.interface;
  if (Status made = make_maps(request.interface); !made) return made.error();
  auto held = std::make_unique<HeldInterface>(request, *maps_, workers_);
  const Status attached = held->attach(reply, now);
  if (!attached || !held->is_attached()) {
    held.reset();
    if (held_.empty()) forget_maps();
    if (!attached) return attached.error();
    return reply;
  }
  publish_sessions();
  terms_.sessions_complete = mirror_->is_complete();
  held->go_live(terms_);
  held_.push_back(std::move(held));
  follow_at_ = now + kFollowInterval;
  log::info("attached to " + request.interface);
  return reply;
}

Result<DetachReply> Steering::detach(const std::string& interface) {
  HeldInterface* const held = find(interface);
  if (held == nullptr) return Error{"this agent does not hold " + interface, ENODEV};
  DetachReply reply;
  reply.interface = interface;
  if (!held->detach(reply.steps)) {
    return Error{"a worker has not let go of a socket of " + interface +
                     " for a second: data messages come by the UDP socket, and the program goes as "
                     "soon as the worker lets go; `xdp-mesh status` shows " +
                     interface + " until then",
                 EAGAIN};
  }
  held_.remove_if([&](const auto& one) { return one.get() == held; });
  if (held_.empty()) forget_maps();
  log::info("detached from " + interface);
  return reply;
}

HeldInterface* Steering::find(const std::string& interface) const {
  for (const auto& held : held_) {
    if (held->name() == interface) return held.get();
  }
  return nullptr;
}

std::vector<AttachmentStatus> Steering::attachments(Instant now) const {
  std::vector<AttachmentStatus> list;
  for (const auto& held : held_) list.push_back(held->status(now));
  return list;
}

// --- what interfaces share ---

Status Steering::make_maps(const std::string& interface) {
  if (maps_) return {};
  auto maps = Attachment::inherit_shared_maps(XM_DEFAULT_SLOTS, std::array{interface});
  if (!maps) return maps.error();
  maps_.emplace(std::move(*maps));
  return {};
}

void Steering::publish_sessions() {
  if (mirror_ != nullptr) return;
  table_ = std::make_unique<Table>(*maps_);
  mirror_ = std::make_unique<SessionMirror>(*table_, [this](bool complete) {
    terms_.sessions_complete = complete;
    apply_terms();
  });
  engine_.observe_sessions(mirror_.get());
}

void Steering::forget_maps() {
  engine_.observe_sessions(nullptr);
  mirror_.reset();
  table_.reset();
  maps_.reset();
  terms_.sessions_complete = true;
  peers_.clear();
}

void Steering::set_terms(std::uint16_t port, const std::optional<PublicKey>& public_key) {
  terms_.port = port;
  terms_.public_key = public_key;
  apply_terms();
}

void Steering::apply_terms() {
  for (const auto& held : held_) held->apply(terms_);
}

// --- what comes round ---

Instant Steering::due() const {
  if (held_.empty()) return kFarFuture;
  return std::min({follow_at_, peers_at_, sample_at_});
}

void Steering::tend(Instant now, std::uint64_t socket_lost) {
  if (held_.empty()) return;
  if (follow_at_ <= now) {
    follow_at_ = now + kFollowInterval;
    let_leave();
    for (const auto& held : held_) held->follow(terms_, now);
  }
  if (held_.empty()) return;
  if (sample_at_ <= now) {
    sample_at_ = now + kSampleInterval;
    for (const auto& held : held_) held->beat();
    take_sample(now, socket_lost);
  }
  if (peers_at_ <= now) {
    peers_at_ = now + kPeersInterval;
    publish_peers();
  }
}

// What a detach() gave up waiting for.
void Steering::let_leave() {
  held_.remove_if([](const auto& held) {
    if (!held->is_leaving() || !held->finish_leaving()) return false;
    log::info("detached from " + held->name());
    return true;
  });
  if (held_.empty()) forget_maps();
}

// CPU is that of the workers and of all softirq work: with AF_XDP a packet costs little in either,
// by the socket most of it is softirq's.
Steering::Totals Steering::totals(std::uint64_t socket_lost) const {
  Totals totals;
  for (const Worker* const worker : workers_) {
    totals.datagrams += worker->counters().received_datagrams.value();
    totals.batches += worker->counters().receive_batches.value();
    totals.cpu += worker->cpu_time();
  }
  totals.socket_lost = socket_lost;
  totals.cpu += softirq_time();
  return totals;
}

void Steering::take_sample(Instant now, std::uint64_t socket_lost) {
  const Totals before = std::exchange(sampled_, totals(socket_lost));
  const Instant since = std::exchange(sampled_at_, now);
  const bool pause = since.is_never() || now - since > 4 * kSampleInterval;
  hand_out({.interval = pause ? Duration{} : now - since,
            .datagrams = sampled_.datagrams - before.datagrams,
            .receive_batches = sampled_.batches - before.batches,
            .lost = sampled_.socket_lost - std::min(before.socket_lost, sampled_.socket_lost),
            .cpu = sampled_.cpu - before.cpu});
}

// Each interface gets its part, by what its program has seen. While one tries the other path the
// others do not look: what they would see is its doing.
void Steering::hand_out(const RxSample& sample) {
  std::vector<std::uint64_t> bytes;
  std::uint64_t all = 0;
  for (const auto& held : held_) all += bytes.emplace_back(held->data_bytes());
  const HeldInterface* trying = nullptr;
  for (const auto& held : held_) {
    if (held->is_in_trial()) trying = held.get();
  }
  std::size_t next = 0;
  for (const auto& held : held_) {
    const std::uint64_t own = bytes[next++];
    const std::uint64_t own_lost = held->newly_lost();
    if (trying != nullptr && trying != held.get()) continue;
    RxSample part = part_of(sample, own, all);
    part.lost += own_lost;
    if (held->sample(part)) trying = held.get();
  }
}

// As many as there is room for, in the order of their creation; only what has changed is written.
void Steering::publish_peers() {
  const PeerNames names = names_();
  std::vector<xm_peer> values;
  for (const PeerSummary& peer : engine_.summaries(XM_MAX_PEERS)) {
    values.push_back(peer_entry(peer, names));
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const bool same =
        i < peers_.size() && std::memcmp(&peers_[i], &values[i], sizeof(xm_peer)) == 0;
    if (!same) (void)maps_->put_peer(static_cast<std::uint32_t>(i), values[i]);
  }
  for (std::size_t i = values.size(); i < peers_.size(); ++i) {
    (void)maps_->clear_peer(static_cast<std::uint32_t>(i));
  }
  peers_ = std::move(values);
}

}  // namespace xm
