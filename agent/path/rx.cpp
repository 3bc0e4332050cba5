// RX. One batch in, TUN super-packets out. Read downwards; each step names its file.
//
//   1 receive    io/datagram_socket    frames lent until they are given back
//   2 classify   wire/wg, peer/index   not from ourselves; shape; receiver index -> session;
//                                      handshakes, gossip and STUN to the control thread
//   3 decrypt    crypto/aead           in place, one call a run of packets of one session, which
//                                      path/handoff may share with idle workers
//   4 replay     noise/replay          only after the tag verified; one lock a run
//   5 source     peer/allowed_ips      the inner source must belong to the peer
//   6 coalesce   path/coalesce         same flow, in order; else as it is
//   7 deliver    io/tun                one write a super-packet, all of a batch together
//   8 give back  io/datagram_socket    nobody reads the frames any more
#include "agent/path/rx.hpp"

#include <algorithm>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "agent/wire/demultiplex.hpp"
#include "agent/wire/ip.hpp"
#include "agent/wire/outer.hpp"
#include "agent/wire/wg.hpp"

namespace xm {
namespace {

CoalesceKinds kinds_of(const TunCapabilities& tun) {
  return {.tcp4 = tun.tso4, .tcp6 = tun.tso6, .udp4 = tun.uso4, .udp6 = tun.uso6};
}

// Whether what came from `source` is answered by `path`. An interface index of 0 says nothing: what
// comes behind a VLAN tag by AF_XDP has none, and by the socket the VLAN device's. Both at once are
// one place, or packets that come by turns would move the endpoint each time. A link-local address
// is another one on each interface.
bool is_way_of(const SendPath& path, const Source& source) {
  if (path.remote != source.remote || path.local != source.local) return false;
  if (path.interface_index == source.interface_index) return true;
  const bool nobody_said = path.interface_index == 0 || source.interface_index == 0;
  return nobody_said && !is_link_local(source.remote.address);
}

}  // namespace

Rx::Rx(const PathContext& context, const PathThread& thread, TunQueue& tun, ReceiveBuffers& buffers)
    : context_(context),
      thread_(thread),
      tun_(tun),
      buffers_(buffers),
      coalescer_(kinds_of(context.tun)) {}

std::size_t Rx::run(DatagramReceiver& socket) {
  more_ = !socket.receive(buffers_, batch_);  // 1
  count_undelivered();
  if (batch_.frame_count != 0) walk();
  socket.end_loan();  // 8: a batch whose frames were all refused has taken buffers as well
  return batch_.frame_count;
}

void Rx::walk() {
  thread_.counters.receive_batches.add();
  thread_.counters.received_datagrams.add(batch_.frame_count);

  // The tables are looked at only now: what was published while this thread slept is seen.
  const Grace::Section section(context_.grace, thread_.reader);
  const Instant now = context_.clock.now();
  allowed_ips_ = context_.allowed_ips.load();
  own_sources_ = find_own_sources();

  classify(now);  // 2
  for (Run run{0, 0}; run.end < packet_count_;) {
    run = next_run(run.end);
    decrypt(run);       // 3
    check_replay(run);  // 4
    note_arrival(run, now);
    admit(run);  // 5, 6
  }
  deliver();  // 7
}

// What the socket has received and the batch does not hold.
void Rx::count_undelivered() {
  thread_.counters.drops.count(XM_DROP_receive_truncated, batch_.truncated);
  thread_.counters.drops.count(XM_DROP_outer_malformed, batch_.outer_malformed);
  thread_.counters.drops.count(XM_DROP_outer_checksum, batch_.outer_checksum);
  thread_.counters.drops.count(XM_DROP_outer_martian, batch_.outer_martian);
}

// Which of the batch's sources are addresses of this machine. For a UDP socket the kernel has
// judged (IPv4: fib_validate_source in net/ipv4/fib_frontend.c), and lets through what the machine
// sends itself. By AF_XDP nobody has, and an authentic packet that is sent once more from such an
// address would turn the peer's endpoint on ourselves.
std::uint64_t Rx::find_own_sources() const {
  if (context_.own_addresses == nullptr) return 0;
  const std::vector<IpAddress>* const own = context_.own_addresses->load();
  if (own == nullptr) return 0;
  std::uint64_t found = 0;
  for (std::size_t i = 0; i < batch_.source_count; ++i) {
    const Source& source = batch_.sources[i];
    if (source.path != ReceivePath::xdp) continue;
    if (std::ranges::binary_search(*own, source.remote.address)) found |= std::uint64_t{1} << i;
  }
  return found;
}

void Rx::classify(Instant now) {
  packet_count_ = 0;
  for (std::size_t i = 0; i < batch_.frame_count; ++i) {
    const Frame& frame = batch_.frames[i];
    const auto type = message_type(frame.bytes());
    if ((own_sources_ >> frame.source & 1) != 0) {
      thread_.counters.drops.count(XM_DROP_outer_martian);
    } else if (!type) {
      take_foreign(frame);
    } else if (*type == MessageType::data) {
      classify_data(frame, now);
    } else {
      hand_to_control(frame);
    }
  }
}

// The checks that cost less than decryption; none of them changes anything.
void Rx::classify_data(const Frame& frame, Instant now) {
  const auto& header = *reinterpret_cast<const MessageDataHeader*>(frame.data);
  PeerSession* const session = context_.sessions.find(load_le32(header.receiver_index));
  if (session == nullptr) return thread_.counters.drops.count(XM_DROP_unknown_index);
  if (session->is_expired(now)) return thread_.counters.drops.count(XM_DROP_session_expired);

  const std::uint64_t counter = load_le64(header.counter);
  switch (session->replay.looks_new(counter)) {
    case ReplayVerdict::too_old:
      return thread_.counters.drops.count(XM_DROP_counter_too_old);
    case ReplayVerdict::replayed:
      return thread_.counters.drops.count(XM_DROP_counter_replayed);
    case ReplayVerdict::fresh:
      break;
  }

  std::uint8_t* const payload = frame.data + kDataHeaderSize;
  packets_[packet_count_] = {session, &batch_.sources[frame.source]};
  jobs_[packet_count_] = {.counter = counter,
                          .in = payload,
                          .out = payload,
                          .length = frame.length - static_cast<std::uint32_t>(kDataHeaderSize),
                          .ok = false};
  ++packet_count_;
}

void Rx::hand_to_control(const Frame& frame) {
  if (!thread_.control.post_handshake(frame.bytes(), batch_.sources[frame.source])) {
    thread_.counters.drops.count(XM_DROP_handshake_queue_full);
  }
}

// No WireGuard message: the mesh's, if there is one.
void Rx::take_foreign(const Frame& frame) {
  if (!context_.takes_mesh || datagram_kind(frame.bytes()) == DatagramKind::other) {
    return thread_.counters.drops.count(XM_DROP_malformed);
  }
  if (!thread_.control.post_mesh(frame.bytes(), batch_.sources[frame.source])) {
    thread_.counters.drops.count(XM_DROP_mesh_queue_full);
  }
}

Rx::Run Rx::next_run(std::size_t begin) const {
  std::size_t end = begin + 1;
  while (end < packet_count_ && packets_[end].session == packets_[begin].session) ++end;
  return {begin, end};
}

void Rx::decrypt(Run run) {
  const std::span<AeadJob> jobs(&jobs_[run.begin], run.end - run.begin);
  thread_.aead.open(packets_[run.begin].session->receive_key(), jobs);
  for (const AeadJob& job : jobs) {
    if (!job.ok) thread_.counters.drops.count(XM_DROP_bad_tag);
  }
}

void Rx::check_replay(Run run) {
  Session& session = *packets_[run.begin].session;
  const std::lock_guard lock(session.replay_lock);
  for (std::size_t i = run.begin; i < run.end; ++i) {
    if (!jobs_[i].ok) continue;
    const ReplayVerdict verdict = session.replay.accept(jobs_[i].counter);
    if (verdict == ReplayVerdict::fresh) continue;
    jobs_[i].ok = false;
    thread_.counters.drops.count(verdict == ReplayVerdict::too_old ? XM_DROP_counter_too_old
                                                                   : XM_DROP_counter_replayed);
  }
}

// What an authenticated arrival means for the session and its peer, once a run.
void Rx::note_arrival(Run run, Instant now) {
  PeerSession& session = *packets_[run.begin].session;
  Peer& peer = session.peer;
  const Source* last_source = nullptr;
  std::uint64_t bytes = 0;
  bool has_data = false;
  for (std::size_t i = run.begin; i < run.end; ++i) {
    if (!jobs_[i].ok) continue;
    last_source = packets_[i].source;
    bytes += jobs_[i].length + kDataHeaderSize;
    has_data = has_data || jobs_[i].length > kTagSize;
  }
  if (last_source == nullptr) return;

  peer.received_bytes.fetch_add(bytes, std::memory_order_relaxed);
  peer.last_path.store(last_source->path, std::memory_order_relaxed);
  if (has_data) {
    if (peer.activity.data_received(now)) ask_to_arm_timers(thread_, peer);
  } else {
    peer.activity.received(now);
  }
  if (session.confirm() &&
      !thread_.control.post_event(
          {peer.id, PeerEventKind::session_confirmed, session.local_index(), {}})) {
    session.take_back_confirmation();
  }
  if (session.wants_rekey_on_receive(now)) ask_for_handshake(thread_, peer);
  check_endpoint(peer, *last_source);
}

// Roaming: an authenticated packet that came from elsewhere, or to another of our addresses, moves
// the peer's endpoint. The control thread publishes the new path.
void Rx::check_endpoint(Peer& peer, const Source& source) {
  const SendPath* const path = peer.path.load();
  if (path != nullptr && is_way_of(*path, source)) return;
  // When its queue is full the next packet says it again.
  if (!thread_.control.post_event({peer.id, PeerEventKind::endpoint_moved, 0, source})) return;
  if (path != nullptr) answer_there(peer, *path, source);
}

// Until the control thread comes to it: the packet is not delivered yet, and its answer already
// goes to the new place. By the old one it would move the other side's endpoint back, whose next
// packet would move ours, and so on: the two would chase each other.
void Rx::answer_there(Peer& peer, const SendPath& old_path, const Source& source) {
  DatagramSocket* const socket = old_path.listeners.of_family(source.remote.address.family);
  if (socket == nullptr) return;
  auto path = std::make_unique<SendPath>();
  path->remote = source.remote;
  path->local = source.local;
  path->interface_index = source.interface_index;
  path->socket = socket;
  path->listeners = old_path.listeners;
  // Not when the control thread has published another meanwhile, which is the newer.
  if (!peer.path.replace(&old_path, path.get())) return;
  (void)path.release();
  context_.grace.retire(std::unique_ptr<const SendPath>(&old_path));
}

void Rx::admit(Run run) {
  const Peer& peer = packets_[run.begin].session->peer;
  for (std::size_t i = run.begin; i < run.end; ++i) {
    const AeadJob& job = jobs_[i];
    if (!job.ok || job.length == kTagSize) continue;  // dead, or a keepalive
    const MutableBytes padded(job.out, job.length - kTagSize);
    const auto length = inner_length(padded);
    if (!length) {
      thread_.counters.drops.count(XM_DROP_inner_malformed);
      continue;
    }
    const MutableBytes packet = padded.first(*length);
    if (!source_is_allowed(packet, peer)) {  // 5
      thread_.counters.drops.count(XM_DROP_source_not_allowed);
      continue;
    }
    if (packets_[i].source->ecn == kEcnCongestion) mark_congestion(packet);
    (void)coalescer_.add(packet);  // 6; it holds as many as a batch has frames
  }
}

bool Rx::source_is_allowed(Bytes packet, const Peer& peer) {
  if (allowed_ips_ == nullptr) return false;
  const Peer* const owner = ip_version(packet) == 4
                                ? allowed_ips_->find_v4(packet.data() + ipv4::kSource)
                                : allowed_ips_->find_v6(packet.data() + ipv6::kSource);
  return owner == &peer;
}

void Rx::deliver() {
  coalescer_.finish();
  const std::span<TunWrite> writes = std::span(writes_).first(coalescer_.size());
  for (std::size_t i = 0; i < writes.size(); ++i) writes[i].pieces = coalescer_.super_packet(i);
  tun_.write_all(writes);
  thread_.counters.tun_writes.add(writes.size());
  for (const TunWrite& write : writes) {
    const std::size_t packets = write.pieces.size() - 1;  // the first piece is the virtio header
    switch (write.state) {
      case TunIo::done:
        thread_.counters.delivered_packets.add(packets);
        break;
      case TunIo::down:
      case TunIo::gone:
        thread_.counters.drops.count(XM_DROP_interface_down, packets);
        break;
      case TunIo::would_block:
      case TunIo::failed:
        thread_.counters.drops.count(XM_DROP_tun_write_failed, packets);
        break;
    }
  }
  coalescer_.clear();
}

}  // namespace xm
