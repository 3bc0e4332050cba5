// TX. What waits in the TUN queue to the peers' sockets. Read downwards; each step names its file.
//
//   1 read      io/tun             up to 64 KB a read, lent; until a batch is full or nothing waits
//   2 route     peer/allowed_ips   once a super-packet; session and path of the peer
//   3 split     path/split         segments built where they leave from, around them header and tag
//   4 encrypt   crypto/aead        counters drawn with the key, one call a lot, which path/handoff
//                                  may share with idle workers
//   5 batch     path/gso_batch     equal lengths to one destination: one send
//   6 send      io/datagram_socket each run on its peer's connected socket, or the listener
//   7 note      peer/peer          bytes, marks for the timers
#include "agent/path/tx.hpp"

#include <algorithm>

#include "agent/wire/icmp.hpp"
#include "agent/wire/ip.hpp"
#include "agent/wire/wg.hpp"

namespace xm {
namespace {

// Unreachable replies a second, and at once after a pause: as many as the kernel's icmp_msgs_burst.
constexpr std::int64_t kUnreachablePerSecond = 100;
constexpr std::int64_t kUnreachableBurst = 50;

VnetHeader load_vnet_header(Bytes packet) {
  VnetHeader header;
  std::memcpy(&header, packet.data(), sizeof header);
  return header;
}

void write_data_header(std::uint8_t* at, const Session& session, std::uint64_t counter) {
  auto& header = *reinterpret_cast<MessageDataHeader*>(at);
  store_le32(header.type, static_cast<std::uint32_t>(MessageType::data));
  store_le32(header.receiver_index, session.remote_index());
  store_le64(header.counter, counter);
}

}  // namespace

Tx::Tx(const PathContext& context, const PathThread& thread)
    : context_(context),
      thread_(thread),
      unreachable_limit_(kUnreachablePerSecond, kUnreachableBurst),
      arena_(kArena) {}

Tx::Outcome Tx::run(TunQueue& tun) {
  const Grace::Section section(context_.grace, thread_.reader);
  const Instant now = context_.clock.now();
  Outcome outcome;
  // Packets that are refused or wait for a session fill nothing, but they count: without a bound a
  // flood of them would keep this thread from receiving.
  while (used_ < kBatchBytes && datagram_count_ < kMaxDatagrams &&
         outcome.packets < kMaxDatagrams) {
    const TunRead read = tun.read();  // 1
    outcome.last = read.state;
    if (read.state != TunIo::done) break;
    ++outcome.packets;
    route(read.packet, tun, now);  // 2, 3
  }
  thread_.counters.tun_reads.add(outcome.packets);
  flush(now);  // 4 to 7
  return outcome;
}

void Tx::route(MutableBytes packet, TunQueue& tun, Instant now) {
  const Bytes inner = packet.subspan(std::min(packet.size(), kVnetHeaderSize));
  if (!inner_length(inner)) return thread_.counters.drops.count(XM_DROP_tun_malformed);

  const AllowedIps* const allowed_ips = context_.allowed_ips.load();
  Peer* peer = nullptr;
  if (allowed_ips != nullptr) {
    peer = ip_version(inner) == 4 ? allowed_ips->find_v4(inner.data() + ipv4::kDestination)
                                  : allowed_ips->find_v6(inner.data() + ipv6::kDestination);
  }
  if (peer == nullptr) return refuse(XM_DROP_no_allowed_ip, inner, tun, now);
  const SendPath* const path = peer->path.load();
  if (path == nullptr) {
    return peer->waits_for_path.load(std::memory_order_relaxed)
               ? stage(*peer, packet)
               : refuse(XM_DROP_no_endpoint, inner, tun, now);
  }
  if (PeerSession* const session = session_for(*peer, packet, now); session != nullptr) {
    split(*session, *path, packet, now);
  }
}

// Drops the packet and tells its sender, within reason, that nobody takes it.
void Tx::refuse(xm_drop reason, Bytes inner, TunQueue& tun, Instant now) {
  thread_.counters.drops.count(reason);
  if (!unreachable_limit_.take(now)) return;
  VnetHeader plain;
  std::array<std::uint8_t, kIcmpMaximumSize> reply;
  const std::size_t length = build_unreachable(inner, reply);
  if (length == 0) return;
  const std::array<iovec, 2> pieces{iovec{&plain, sizeof plain}, iovec{reply.data(), length}};
  (void)tun.write(pieces);  // a reply that does not arrive is like one that was rate-limited
}

// Null when there is no session to send under: the packet waits with the control thread then.
PeerSession* Tx::session_for(Peer& peer, Bytes packet, Instant now) {
  PeerSession* const session = peer.sending.load();
  if (session != nullptr && !session->is_expired(now)) return session;
  stage(peer, packet);
  return nullptr;
}

void Tx::stage(const Peer& peer, Bytes packet) {
  if (!thread_.control.post_staged(peer.id, packet)) {
    thread_.counters.drops.count(XM_DROP_control_queue_full);
  }
}

void Tx::split(PeerSession& session, const SendPath& path, Bytes packet, Instant now) {
  const Bytes inner = packet.subspan(kVnetHeaderSize);
  SplitPlan plan;
  if (!split_plan(load_vnet_header(packet), inner, plan)) {
    return thread_.counters.drops.count(XM_DROP_tun_malformed);
  }
  const std::uint8_t tos = inner_ecn(inner);
  for (std::size_t i = 0; i < plan.segment_count; ++i) {
    std::uint8_t* const at = open_datagram(plan.segment_length(i), now);
    if (at == nullptr) {
      return thread_.counters.drops.count(XM_DROP_send_failed, plan.segment_count - i);
    }
    close_datagram(session, path, write_segment(plan, inner, i, at), tos);
  }
}

// Room for an inner packet of `length` bytes between header and tag, or null for one that no
// datagram can carry. A batch that is full leaves first.
std::uint8_t* Tx::open_datagram(std::uint32_t length, Instant now) {
  const std::uint32_t largest = length + 15 + static_cast<std::uint32_t>(kDataOverhead);
  if (largest > kMaxUdpPayload + 15) return nullptr;
  if (datagram_count_ == kMaxDatagrams || used_ + largest > kArena) flush(now);
  return &arena_[used_ + kDataHeaderSize];
}

void Tx::close_datagram(PeerSession& session, const SendPath& path, std::uint32_t inner_length,
                        std::uint8_t tos) {
  const std::uint32_t padded =
      padded_length(inner_length, context_.mtu.load(std::memory_order_relaxed));
  std::fill_n(&arena_[used_ + kDataHeaderSize + inner_length], padded - inner_length,
              std::uint8_t{0});

  if (lot_count_ == 0 || lots_[lot_count_ - 1].session != &session ||
      lots_[lot_count_ - 1].path != &path) {
    lots_[lot_count_++] = {.session = &session,
                           .path = &path,
                           .begin = datagram_count_,
                           .end = datagram_count_,
                           .offset = used_,
                           .has_data = false,
                           .sealed = false};
  }
  Lot& lot = lots_[lot_count_ - 1];
  lot.has_data = lot.has_data || inner_length > 0;
  const auto sealed = static_cast<std::uint32_t>(padded + kDataOverhead);
  datagrams_[datagram_count_++] = {
      .length = sealed, .destination = static_cast<std::uint32_t>(lot_count_), .tos = tos};
  lot.end = datagram_count_;
  used_ += sealed;
}

void Tx::flush(Instant now) {
  std::size_t run_count = 0;
  for (std::size_t i = 0; i < lot_count_; ++i) {
    encrypt(lots_[i]);                       // 4
    run_count = batch(lots_[i], run_count);  // 5
  }
  send(run_count, now);                                                        // 6
  for (std::size_t i = 0; i < lot_count_; ++i) note_departure(lots_[i], now);  // 7
  used_ = 0;
  datagram_count_ = lot_count_ = 0;
}

// The key and all counters of a lot are taken from one session at once.
void Tx::encrypt(Lot& lot) {
  const std::size_t count = lot.end - lot.begin;
  const auto first = lot.session->take_counters(count);
  if (!first) return thread_.counters.drops.count(XM_DROP_counters_exhausted, count);
  std::uint8_t* at = &arena_[lot.offset];
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t length = datagrams_[lot.begin + i].length;
    write_data_header(at, *lot.session, *first + i);
    std::uint8_t* const payload = at + kDataHeaderSize;
    jobs_[i] = {.counter = *first + i,
                .in = payload,
                .out = payload,
                .length = length - static_cast<std::uint32_t>(kDataOverhead),
                .ok = false};
    at += length;
  }
  thread_.aead.seal(lot.session->send_key(), std::span(jobs_).first(count));
  lot.sealed = true;
}

std::size_t Tx::batch(const Lot& lot, std::size_t run_count) {
  if (!lot.sealed) return run_count;
  std::uint32_t offset = lot.offset;
  for (std::size_t i = lot.begin; i < lot.end;) {
    const GsoRun run = next_gso_run(std::span(datagrams_).subspan(i, lot.end - i));
    runs_[run_count++] = {.path = lot.path,
                          .data = &arena_[offset],
                          .length = run.bytes,
                          .segment_size = run.segment_size,
                          .tos = datagrams_[i].tos,
                          .lost = 0,
                          .lost_to_full_queue = false};
    offset += run.bytes;
    i += run.datagrams;
  }
  return run_count;
}

void Tx::send(std::size_t run_count, Instant now) {
  thread_.sender.send(std::span(runs_).first(run_count), now);
  for (const SendRun& run : std::span(runs_).first(run_count)) {
    thread_.counters.send_calls.add();
    thread_.counters.sent_datagrams.add(run.segments() - run.lost);
    thread_.counters.drops.count(
        run.lost_to_full_queue ? XM_DROP_send_queue_full : XM_DROP_send_failed, run.lost);
  }
}

void Tx::note_departure(const Lot& lot, Instant now) {
  Peer& peer = lot.session->peer;
  if (!lot.sealed || lot.session->wants_rekey_on_send(now)) ask_for_handshake(thread_, peer);
  if (!lot.sealed) return;
  std::uint64_t bytes = 0;
  for (std::size_t i = lot.begin; i < lot.end; ++i) bytes += datagrams_[i].length;
  peer.sent_bytes.fetch_add(bytes, std::memory_order_relaxed);
  if (!lot.has_data) return peer.activity.sent(now);
  if (peer.activity.data_sent(now)) ask_to_arm_timers(thread_, peer);
}

void Tx::add_staged(Peer& peer, MutableBytes packet, Instant now) {
  const SendPath* const path = peer.path.load();
  if (path == nullptr) return thread_.counters.drops.count(XM_DROP_no_endpoint);
  if (PeerSession* const session = session_for(peer, packet, now); session != nullptr) {
    split(*session, *path, packet, now);
  }
}

void Tx::add_keepalive(Peer& peer, Instant now) {
  const SendPath* const path = peer.path.load();
  PeerSession* const session = peer.sending.load();
  if (path == nullptr || session == nullptr || session->is_expired(now)) return;
  if (std::uint8_t* const at = open_datagram(0, now); at != nullptr) {
    close_datagram(*session, *path, 0, 0);
  }
}

}  // namespace xm
