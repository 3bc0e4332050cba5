#include "agent/node_held_interface.hpp"

#include <net/if.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "agent/noise/cookie.hpp"
#include "xdpmesh/heartbeat.hpp"
#include "xdpmesh/log.hpp"
#include "xdpmesh/network_namespace.hpp"

namespace xm {
namespace {

// Of what has happened to an interface, the latest are kept.
constexpr std::size_t kMostSteps = 64;

void append(std::vector<AttachStep>& to, std::vector<AttachStep> steps) {
  to.insert(to.end(), std::make_move_iterator(steps.begin()), std::make_move_iterator(steps.end()));
}

std::string plural(std::uint32_t count, const char* noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

void store_flags(xm_config& config, std::uint32_t flags) {
  std::atomic_ref<__u32>(config.flags).store(flags, std::memory_order_seq_cst);
}

void store_heartbeat(xm_config& config, std::uint64_t nanoseconds) {
  std::atomic_ref<__u64>(config.heartbeat).store(nanoseconds, std::memory_order_relaxed);
}

std::string_view reason_of(bool deleted) {
  return deleted ? "the interface was deleted" : "somebody took the XDP program off the interface";
}

ZeroCopy wish(ZeroCopyChoice choice) {
  if (choice == ZeroCopyChoice::automatic) return ZeroCopy::automatic;
  return choice == ZeroCopyChoice::yes ? ZeroCopy::required : ZeroCopy::off;
}

// Data messages that some worker gets, by either way.
constexpr std::array kDataVerdicts{XM_VERDICT_redirect,           XM_VERDICT_pass_socket_chosen,
                                   XM_VERDICT_pass_oversized,     XM_VERDICT_pass_no_socket,
                                   XM_VERDICT_pass_unknown_index, XM_VERDICT_pass_stale_heartbeat,
                                   XM_VERDICT_pass_super_packet};

std::optional<RxPath> forced_path(ReceiveChoice choice) {
  if (choice == ReceiveChoice::automatic) return std::nullopt;
  return choice == ReceiveChoice::xdp ? RxPath::xdp : RxPath::socket;
}

}  // namespace

// --- coming and going ---

Status HeldInterface::attach(AttachReply& reply, Instant now) {
  auto facts = interface_facts(request_.interface);
  if (!facts) return facts.error();
  facts_ = std::move(*facts);

  const LinkReset reset(carrier_, facts_.index);
  AttachReport loaded;
  auto attachment = Attachment::attach(
      maps_, {.interface = request_.interface, .mode = request_.mode, .places = {}}, loaded);
  append(reply.steps, loaded.steps);
  if (!attachment) {
    if (reply.steps.empty()) return attachment.error();
    reply.steps.push_back({"XDP program on " + request_.interface, false, attachment.error().what});
    return {};
  }
  attachment_.emplace(std::move(*attachment));
  attached_at_ = now;
  pins_wait_ = false;
  // A veth before Linux 6.10 switches GRO on when it gets a program.
  if (auto changed = interface_facts(request_.interface)) facts_ = std::move(*changed);
  bind(reply.steps);
  if (auto step = reset.step()) reply.steps.push_back(*std::move(step));
  // Whoever asked is there to read it; an interface that is back comes by the socket meanwhile.
  const std::string unmet = away_ == Away::no ? unmet_demand() : std::string();
  if (!unmet.empty()) {
    (void)detach(reply.steps);
    reply.steps.push_back({"attach without what was asked for", false, unmet});
    return {};
  }
  away_ = Away::no;
  chooser_.emplace(abilities(), forced_path(request_.rx));
  reply.attached = true;
  steps_ = reply.steps;
  return {};
}

// What was demanded and cannot be; empty when all is well, or is to be seen when it comes up.
std::string HeldInterface::unmet_demand() const {
  if (!facts_.up || request_.rx == ReceiveChoice::socket) return {};
  if (request_.zero_copy == ZeroCopyChoice::yes && !queues_.all_zero_copy()) {
    return "zero-copy on all queues was demanded: ask for auto to make do with less";
  }
  if (request_.rx == ReceiveChoice::xdp && queues_.bound() == 0) {
    return "AF_XDP was demanded and no socket is bound: ask for auto to begin with the UDP socket";
  }
  return {};
}

void HeldInterface::go_live(const SteeringTerms& terms) {
  terms_ = terms;
  is_live_ = true;
  if (Status set = attachment_->program().set_locals(facts_.addresses); !set) {
    note({"local addresses", false, set.error().what});
  }
  beat();
  configure();
  queues_.start(attachment_->program());
}

// The program passes everything before its sockets go. That this agent beats no more shall not have
// to be waited for by the next one.
void HeldInterface::stop_redirecting() {
  if (!attachment_) return;
  if (!reset_) reset_.emplace(carrier_, attachment_->ifindex());
  is_live_ = false;
  configure();
  store_heartbeat(attachment_->program().config(), 0);
  queues_.close_from(attachment_->program(), 0);
}

bool HeldInterface::leave_in_place() {
  stop_redirecting();
  if (!queues_.settle()) return false;
  attachment_.reset();
  return true;
}

bool HeldInterface::detach(std::vector<AttachStep>& steps) {
  leaving_ = true;
  stop_redirecting();
  if (!queues_.settle()) return false;
  take_off(steps);
  return true;
}

bool HeldInterface::finish_leaving() {
  if (!queues_.reap()) return false;
  std::vector<AttachStep> steps;
  take_off(steps);
  for (const AttachStep& step : steps) {
    if (!step.taken) log::error(step.what + ": " + step.reason);
  }
  return true;
}

void HeldInterface::take_off(std::vector<AttachStep>& steps) {
  if (!attachment_) return;
  const AttachReport& report = attachment_->report();
  const std::string what =
      std::string(attach_mode_name(report.mode)) + " XDP program off " + name();
  if (Status detached = attachment_->detach(); detached) {
    steps.push_back({what, true, ""});
  } else {
    steps.push_back({what, false, detached.error().what});
  }
  const auto step = reset_ ? reset_->step() : std::nullopt;
  if (step) steps.push_back(*step);
  attachment_.reset();
}

// --- sockets ---

XskOptions HeldInterface::socket_options() const {
  XskOptions options;
  options.interface_index = attachment_->ifindex();
  options.mtu = facts_.mtu;
  options.chunk_size = request_.chunk_size.value_or(0);
  options.chunks = request_.chunks;
  options.receive_ring = request_.rx_ring.value_or(0);
  options.fill_ring = request_.fill_ring.value_or(0);
  options.busy_poll = request_.busy_poll_microseconds;
  // A program in generic mode gets copies: the driver's own memory never reaches it.
  const bool generic = attachment_->report().mode == AttachMode::generic;
  options.zero_copy = generic ? ZeroCopy::off : wish(request_.zero_copy);
  return options;
}

std::uint32_t HeldInterface::wanted_queues() const {
  if (!redirect_obstacle(facts_, attachment_->report().mode).empty()) return 0;
  const std::uint32_t there = std::min<std::uint32_t>(facts_.receive_queues, XM_MAX_QUEUES);
  return std::min(request_.queues.value_or(there), there);
}

RxAbilities HeldInterface::abilities() const {
  return {.has_sockets = queues_.bound() != 0,
          .native = attachment_->report().mode == AttachMode::native,
          .zero_copy = queues_.all_zero_copy(),
          .gro = facts_.gro.value_or(false)};
}

// `patience`: how long it waits for queues that other sockets have.
void HeldInterface::bind(std::vector<AttachStep>& steps, Duration patience) {
  const AttachMode mode = attachment_->report().mode;
  const std::uint32_t wanted = wanted_queues();
  if (wanted == 0) {
    if (request_.rx == ReceiveChoice::socket) return;  // as asked for
    steps.push_back({"AF_XDP sockets", false,
                     redirect_obstacle(facts_, mode) + "; data messages come by the UDP socket"});
    return;
  }
  if (mode == AttachMode::generic && request_.zero_copy == ZeroCopyChoice::yes) {
    steps.push_back({"zero-copy", false, zero_copy_obstacle(facts_, mode)});
    return;
  }
  if (request_.queues && *request_.queues > facts_.receive_queues) {
    steps.push_back({"AF_XDP sockets on " + plural(*request_.queues, "queue"), false,
                     request_.interface + " has " + plural(facts_.receive_queues, "receive queue") +
                         ": a socket for each of them"});
  }
  XskOptions options = socket_options();
  options.bind_patience = patience;
  const bool wishes = request_.zero_copy == ZeroCopyChoice::automatic;
  queues_.open(attachment_->program(), options, wanted,
               wishes ? zero_copy_obstacle(facts_, mode) : std::string());
  const std::uint32_t bound = queues_.bound();
  if (bound != 0) {
    steps.push_back({"AF_XDP sockets on " + plural(bound, "queue"), true,
                     queues_.all_zero_copy() ? "zero-copy" : "copy mode"});
  }
  if (const std::string why = queues_.copy_reason(); !why.empty()) {
    steps.push_back({"zero-copy", false, why});
  }
  if (bound < wanted) {
    steps.push_back(
        {"AF_XDP sockets on " + plural(wanted - bound, "queue"), false, queues_.fault()});
  }
  for (const std::string& reason : queues_.notes()) {
    steps.push_back({"AF_XDP socket", false, reason});
  }
}

// --- the program's configuration ---

// The flags come off first and go on last: with neither it passes what it is not sure of.
void HeldInterface::configure() {
  xm_config& config = attachment_->program().config();
  const bool generic = attachment_->report().mode == AttachMode::generic;
  const std::uint32_t base = generic ? std::uint32_t{XM_FLAG_GENERIC} : 0U;
  store_flags(config, base | XM_FLAG_UNPUBLISHED);
  config.ifindex = attachment_->ifindex();
  config.network_namespace = network_namespace_inode();
  config.largest_frame = queues_.largest_frame();
  std::copy(facts_.mac.begin(), facts_.mac.end(), config.mac);
  const bool listens = is_live_ && terms_.port != 0;
  config.ports[0] = listens ? terms_.port : 0;
  config.port_count = listens ? 1 : 0;
  config.mac1_count = 0;
  std::uint32_t flags = base;
  if (listens && terms_.public_key) {
    const Blake2sChaining chaining = mac1_chaining(*terms_.public_key);
    std::copy(chaining.begin(), chaining.end(), config.mac1[0].chaining);
    config.mac1[0].port = terms_.port;
    config.mac1_count = 1;
    flags |= XM_FLAG_CHECK_MAC1;
  }
  if (!terms_.sessions_complete) flags |= XM_FLAG_UNPUBLISHED;
  if (listens && chooser_ && chooser_->path() == RxPath::xdp) flags |= XM_FLAG_REDIRECT;
  std::atomic_ref<__u32>(config.abi_version).store(XM_ABI_VERSION, std::memory_order_seq_cst);
  store_flags(config, is_live_ ? flags : base | XM_FLAG_UNPUBLISHED);
}

void HeldInterface::beat() {
  if (!attachment_ || !is_live_) return;
  store_heartbeat(attachment_->program().config(), heartbeat_time());
}

void HeldInterface::apply(const SteeringTerms& terms) {
  if (terms_ == terms) return;
  terms_ = terms;
  if (attachment_ && is_live_) configure();
}

bool HeldInterface::sample(const RxSample& sample) {
  if (!attachment_ || !is_live_ || !chooser_) return false;
  if (chooser_->take(sample)) configure();
  return chooser_->is_in_trial();
}

std::uint64_t HeldInterface::data_bytes() {
  if (!attachment_) return 0;
  const auto verdicts = attachment_->program().verdicts();
  if (!verdicts) return 0;
  std::uint64_t bytes = 0;
  for (const xm_verdict verdict : kDataVerdicts) bytes += verdicts.value()[verdict].bytes;
  const std::uint64_t before = std::exchange(bytes_seen_, bytes);
  return bytes - std::min(before, bytes);  // a new program begins at zero
}

std::uint64_t HeldInterface::newly_lost() {
  const std::uint64_t lost = queues_.lost();
  return lost - std::exchange(lost_seen_, lost);
}

// --- following the interface ---

void HeldInterface::follow(const SteeringTerms& terms, Instant now) {
  terms_ = terms;
  (void)queues_.reap();
  if (leaving_) return;
  if (away_ == Away::deleted) return come_back(now);
  if (!attachment_) return;
  std::array<char, IF_NAMESIZE> buffer{};
  const char* const now_called = if_indextoname(attachment_->ifindex(), buffer.data());
  if (now_called == nullptr) return lose_interface(Away::deleted);
  if (request_.interface != now_called) {
    note({"renamed to " + std::string(now_called), true, ""});
    request_.interface = now_called;
    move_pins();
  } else if (pins_wait_) {
    move_pins();
  }
  if (!attachment_->in_place()) {
    // The kernel takes the name away first, then the program: a second look tells a deletion.
    const bool is_there = if_indextoname(attachment_->ifindex(), buffer.data()) != nullptr;
    return lose_interface(is_there ? Away::taken_off : Away::deleted);
  }
  if (auto facts = interface_facts(request_.interface)) notice_changes(std::move(*facts), now);
}

// Two interfaces that swap their names wait for each other: what fails now is tried at every look.
void HeldInterface::move_pins() {
  const Status moved = attachment_->renamed(request_.interface);
  const bool waited = std::exchange(pins_wait_, !moved);
  if (!moved && !waited) note({"pins follow the new name", false, moved.error().what});
  if (moved.ok() && waited) note({"pins follow the new name", true, ""});
}

// A queue without a socket, though it could have one: something else has it, or memory is short.
bool HeldInterface::lacks_sockets() const {
  const bool never = attachment_->report().mode == AttachMode::generic &&
                     request_.zero_copy == ZeroCopyChoice::yes;
  return facts_.up && !never && queues_.bound() < wanted_queues();
}

void HeldInterface::notice_changes(InterfaceFacts facts, Instant now) {
  const InterfaceFacts before = std::exchange(facts_, std::move(facts));
  SteerProgram& program = attachment_->program();
  if (before.addresses != facts_.addresses) {
    if (Status set = program.set_locals(facts_.addresses); !set) {
      note({"local addresses", false, set.error().what});
    }
  }
  const bool new_mtu = before.mtu != facts_.mtu;
  const bool new_queues = before.receive_queues != facts_.receive_queues;
  const bool came_up = facts_.up && !before.up;
  if (new_mtu) notice_mtu();
  if (new_queues) {
    note({"receive queues are now " + std::to_string(facts_.receive_queues), true, ""});
    queues_.close_from(program, wanted_queues());
  }
  if (new_mtu || new_queues || came_up) retry_.reset();
  const bool may_bind = new_queues || (lacks_sockets() && retry_.is_due(now));
  // What is only tried again shall not keep this thread waiting.
  if (may_bind) bind_and_note(new_queues || came_up ? XskOptions().bind_patience : Duration{});
  if (lacks_sockets()) {
    if (may_bind) retry_.failed(now);
  } else {
    retry_.reset();
  }
  const bool new_gro = before.gro != facts_.gro;
  if (!new_mtu && !may_bind && !new_gro && before.mac == facts_.mac) return;
  if (chooser_) chooser_->set_abilities(abilities());
  configure();
  queues_.start(program);
}

// Sockets whose chunks have become too small, or needlessly large, are bound anew with others.
void HeldInterface::notice_mtu() {
  note({"MTU is now " + std::to_string(facts_.mtu), true, ""});
  const std::uint32_t chunk = queues_.chunk_size();
  if (chunk == 0 || chunk == chunk_size_for(facts_.mtu) || request_.chunk_size) return;
  queues_.close_from(attachment_->program(), 0);
  (void)queues_.settle();
  bind_and_note();
}

void HeldInterface::bind_and_note(Duration patience) {
  const std::uint32_t bound = queues_.bound();
  const std::string fault = queues_.fault();
  std::vector<AttachStep> steps;
  bind(steps, patience);
  if (queues_.bound() == bound && queues_.fault() == fault) return;  // tried again, in vain
  for (AttachStep& step : steps) note(std::move(step));
}

// The program is off the interface already; the sockets and pins are left to remove. Workers write
// their heartbeats to the program's map until they have let go of its sockets: as long it stays.
void HeldInterface::lose_interface(Away how) {
  is_live_ = false;
  queues_.close_from(attachment_->program(), 0);
  if (!queues_.settle()) return;  // the next look tries again
  away_ = how;
  retry_.reset();
  if (Status detached = attachment_->detach(); !detached) {
    log::error("leaving " + name() + ": " + detached.error().what);
  }
  attachment_.reset();
  const std::string why(reason_of(how == Away::deleted));
  log::info(name() + ": " + why + "; data messages come by the socket");
  note({why, true, ""});
}

// The deleted interface made anew. Where somebody took the program off a living interface nothing
// happens until they ask for it.
void HeldInterface::come_back(Instant now) {
  if (!retry_.is_due(now) || if_nametoindex(request_.interface.c_str()) == 0) return;
  const std::vector<AttachStep> history = steps_;
  AttachReply reply;
  if (Status attached = attach(reply, now); !attached || !is_attached()) {
    const std::string why = !attached             ? attached.error().what
                            : reply.steps.empty() ? std::string()
                                                  : reply.steps.back().reason;
    steps_ = history;
    retry_.failed(now);
    if (why != refused_) note({"attach to it again", false, why});
    refused_ = why;
    return;
  }
  retry_.reset();
  refused_.clear();
  log::info(name() + " is there again: attached");
  go_live(terms_);
}

void HeldInterface::note(AttachStep step) {
  steps_.push_back(std::move(step));
  if (steps_.size() > kMostSteps) steps_.erase(steps_.begin());
}

}  // namespace xm
