#include "agent/bench/path_world.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "agent/wire/ip.hpp"
#include "agent/wire/wg.hpp"

namespace xm {
namespace {

IpAddress address_v4(std::uint32_t address) {
  std::array<std::uint8_t, 4> bytes{};
  store_be32(bytes.data(), address);
  return IpAddress::v4(bytes.data());
}

TransportKeys keys_with_index(std::uint32_t index) {
  TransportKeys keys;  // the keys themselves are zero
  keys.local_index = keys.remote_index = index;
  keys.is_initiator = true;
  return keys;
}

}  // namespace

PathWorld::PathWorld(AeadEngine& engine)
    : aead(engine),
      sessions(grace_),
      context{.allowed_ips = allowed_ips,
              .sessions = sessions,
              .grace = grace_,
              .clock = clock_,
              .mtu = mtu_,
              .tun = {true, true, true, true, true, true}},
      rx(context, {0, engine, port_, counters}, tun, buffers_),
      tx(context, {0, engine, port_, counters}) {
  BenchRandom random;
  session = std::make_unique<PeerSession>(keys_with_index(sessions.reserve(random, peer.id)),
                                          clock_.now(), peer);
  sessions.publish(session->local_index(), session.get());
  peer.sending.exchange(session.get());

  path.remote = {.address = address_v4(0xc0000202), .port = 51820, .scope = 0};
  path.local = address_v4(0xc0000201);
  path.interface_index = 2;
  path.socket = &socket;
  peer.path.exchange(&path);
  source = {.remote = path.remote, .local = path.local, .interface_index = 2, .ecn = 0};

  const std::array<AllowedIp, 2> allowed{
      AllowedIp{Prefix::of(address_v4(kBenchSource), 32), &peer},
      AllowedIp{Prefix::of(address_v4(kBenchDestination), 32), &peer}};
  table_ = std::make_unique<const AllowedIps>(allowed);
  allowed_ips.exchange(table_.get());
}

PathWorld::~PathWorld() {
  sessions.release(session->local_index());
}

std::span<const Frame> PathWorld::seal(std::span<const PathWorkload::Packet> segments) {
  const std::uint32_t mtu = mtu_.load(std::memory_order_relaxed);
  const auto padded = [&](const PathWorkload::Packet& segment) {
    return padded_length(static_cast<std::uint32_t>(segment.size()), mtu);
  };
  std::size_t total = 0;
  for (const auto& segment : segments) total += padded(segment) + kDataOverhead;
  storage_.resize(total);
  frames_.clear();
  jobs_.clear();

  // Far more than a run draws.
  std::uint64_t counter = session->take_counters(segments.size()).value_or(0);
  std::uint8_t* at = storage_.data();
  for (const auto& segment : segments) {
    const std::uint32_t length = padded(segment);
    auto& header = *reinterpret_cast<MessageDataHeader*>(at);
    store_le32(header.type, static_cast<std::uint32_t>(MessageType::data));
    store_le32(header.receiver_index, session->local_index());
    store_le64(header.counter, counter);
    std::uint8_t* const payload = at + kDataHeaderSize;
    std::copy(segment.begin(), segment.end(), payload);
    std::fill_n(payload + segment.size(), length - segment.size(), std::uint8_t{0});
    jobs_.push_back(
        {.counter = counter++, .in = payload, .out = payload, .length = length, .ok = false});
    frames_.push_back(
        {.data = at, .length = static_cast<std::uint32_t>(length + kDataOverhead), .source = 0});
    at += length + kDataOverhead;
  }
  aead.seal(session->receive_key(), jobs_);
  return frames_;
}

void PathWorld::drop_events() {
  for (PeerEvent event; port_.take(event);) {
  }
}

}  // namespace xm
