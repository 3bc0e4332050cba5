#include "agent/bench/path_stages.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>

#include "agent/path/split.hpp"
#include "agent/wire/ip.hpp"
#include "agent/wire/wg.hpp"

namespace xm {
namespace {

// When a batch of Tx is closed, and how many datagrams it has at most.
constexpr std::size_t kGroupBytes = 48 * 1024;
constexpr std::size_t kGroupDatagrams = 128;
constexpr std::size_t kArena = 192 * 1024;

std::uint32_t mtu_of(const PathWorld& world) {
  return world.context.mtu.load(std::memory_order_relaxed);
}

}  // namespace

TxStages::TxStages(PathWorld& world)
    : world_(world),
      reads_(kGroupDatagrams, std::vector<std::uint8_t>(kTunReadSize)),
      lengths_(kGroupDatagrams),
      arena_(kArena) {
  routed_.reserve(kGroupDatagrams);
  datagrams_.reserve(kMaxSegments + kGroupDatagrams);
  jobs_.reserve(kMaxSegments + kGroupDatagrams);
}

void TxStages::run(StageTimes& times) {
  while (!world_.tun.is_empty()) {
    times.start();
    read();
    times.finish(PathStage::read);
    route();
    times.finish(PathStage::route);
    split();
    times.finish(PathStage::split);
    encrypt();
    times.finish(PathStage::encrypt);
    batch();
    times.finish(PathStage::batch);
  }
}

[[gnu::noinline]] void TxStages::read() {
  std::size_t bytes = 0;
  for (read_count_ = 0; read_count_ < kGroupDatagrams && bytes < kGroupBytes; ++read_count_) {
    const TunRead read = world_.tun.read_into(reads_[read_count_]);
    if (read.state != TunIo::done) return;
    lengths_[read_count_] = read.packet.size();
    bytes += read.packet.size();
  }
}

[[gnu::noinline]] void TxStages::route() {
  const AllowedIps& table = *world_.allowed_ips.load();
  routed_.clear();
  for (std::size_t i = 0; i < read_count_; ++i) {
    const Bytes inner = Bytes(reads_[i]).first(lengths_[i]).subspan(kVnetHeaderSize);
    Peer* const peer =
        inner_length(inner) ? table.find_v4(inner.data() + ipv4::kDestination) : nullptr;
    if (peer == nullptr) continue;  // no workload has such packets
    PeerSession* const session = peer->sending.load();
    if (session->is_expired(world_.context.clock.now())) continue;
    routed_.push_back({session, peer->path.load()});
  }
}

[[gnu::noinline]] void TxStages::split() {
  datagrams_.clear();
  std::size_t used = 0;
  for (std::size_t i = 0; i < routed_.size(); ++i) {
    VnetHeader vnet;
    std::memcpy(&vnet, reads_[i].data(), sizeof vnet);
    const Bytes inner = Bytes(reads_[i]).first(lengths_[i]).subspan(kVnetHeaderSize);
    SplitPlan plan;
    if (!split_plan(vnet, inner, plan)) continue;
    const std::uint8_t tos = inner_ecn(inner);
    for (std::size_t segment = 0; segment < plan.segment_count; ++segment) {
      std::uint8_t* const at = &arena_[used + kDataHeaderSize];
      const std::uint32_t length = write_segment(plan, inner, segment, at);
      const std::uint32_t padded = padded_length(length, mtu_of(world_));
      std::fill_n(at + length, padded - length, std::uint8_t{0});
      datagrams_.push_back({.length = static_cast<std::uint32_t>(padded + kDataOverhead),
                            .destination = 1,
                            .tos = tos});
      used += padded + kDataOverhead;
    }
  }
}

[[gnu::noinline]] void TxStages::encrypt() {
  if (routed_.empty()) return;
  PeerSession& session = *routed_.front().session;
  std::uint64_t counter = session.take_counters(datagrams_.size()).value_or(0);
  jobs_.clear();
  std::uint8_t* at = arena_.data();
  for (const SealedDatagram& datagram : datagrams_) {
    auto& header = *reinterpret_cast<MessageDataHeader*>(at);
    store_le32(header.type, static_cast<std::uint32_t>(MessageType::data));
    store_le32(header.receiver_index, session.remote_index());
    store_le64(header.counter, counter);
    std::uint8_t* const payload = at + kDataHeaderSize;
    jobs_.push_back({.counter = counter++,
                     .in = payload,
                     .out = payload,
                     .length = datagram.length - static_cast<std::uint32_t>(kDataOverhead),
                     .ok = false});
    at += datagram.length;
  }
  world_.aead.seal(session.send_key(), jobs_);
}

[[gnu::noinline]] void TxStages::batch() {
  for (std::span<const SealedDatagram> rest = datagrams_; !rest.empty();) {
    const std::size_t taken = next_gso_run(rest).datagrams;
    rest = rest.subspan(taken);
    datagram_count_ += taken;
    ++send_count_;
  }
}

RxStages::RxStages(PathWorld& world) : world_(world) {
  jobs_.reserve(ReceiveBatch::kMaxFrames);
  packets_.reserve(ReceiveBatch::kMaxFrames);
}

void RxStages::run(std::span<const Frame> frames, StageTimes& times) {
  times.start();
  classify(frames);
  times.finish(PathStage::classify);
  if (session_ == nullptr) return;  // no workload has such packets
  decrypt();
  times.finish(PathStage::decrypt);
  replay();
  times.finish(PathStage::replay);
  source();
  times.finish(PathStage::source);
  coalesce();
  times.finish(PathStage::coalesce);
  deliver();
  times.finish(PathStage::deliver);
}

[[gnu::noinline]] void RxStages::classify(std::span<const Frame> frames) {
  const Instant now = world_.context.clock.now();
  jobs_.clear();
  for (const Frame& frame : frames) {
    if (message_type(frame.bytes()) != MessageType::data) continue;
    const auto& header = *reinterpret_cast<const MessageDataHeader*>(frame.data);
    session_ = world_.sessions.find(load_le32(header.receiver_index));
    const std::uint64_t counter = load_le64(header.counter);
    if (session_ == nullptr || session_->is_expired(now) ||
        session_->replay.looks_new(counter) != ReplayVerdict::fresh) {
      continue;
    }
    std::uint8_t* const payload = frame.data + kDataHeaderSize;
    jobs_.push_back({.counter = counter,
                     .in = payload,
                     .out = payload,
                     .length = frame.length - static_cast<std::uint32_t>(kDataHeaderSize),
                     .ok = false});
  }
}

[[gnu::noinline]] void RxStages::decrypt() {
  world_.aead.open(session_->receive_key(), jobs_);
}

[[gnu::noinline]] void RxStages::replay() {
  const std::lock_guard lock(session_->replay_lock);
  for (AeadJob& job : jobs_) {
    job.ok = job.ok && session_->replay.accept(job.counter) == ReplayVerdict::fresh;
  }
}

[[gnu::noinline]] void RxStages::source() {
  const AllowedIps& table = *world_.allowed_ips.load();
  packets_.clear();
  for (const AeadJob& job : jobs_) {
    if (!job.ok) continue;
    const MutableBytes padded(job.out, job.length - kTagSize);
    const auto length = inner_length(padded);
    if (!length || table.find_v4(padded.data() + ipv4::kSource) != &session_->peer) continue;
    packets_.push_back(padded.first(*length));
  }
}

[[gnu::noinline]] void RxStages::coalesce() {
  for (const MutableBytes packet : packets_) (void)coalescer_.add(packet);
}

[[gnu::noinline]] void RxStages::deliver() {
  coalescer_.finish();
  for (std::size_t i = 0; i < coalescer_.size(); ++i) {
    const std::span<const iovec> pieces = coalescer_.super_packet(i);
    if (world_.tun.write(pieces) == TunIo::done) delivered_ += pieces.size() - 1;
  }
  coalescer_.clear();
}

}  // namespace xm
