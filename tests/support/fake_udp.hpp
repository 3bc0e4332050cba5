// A network of UDP sockets in one process: loss, duplication, delay and reordering by a seeded
// generator under a ManualClock. The same seed and calls give the same network.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "agent/io/datagram_socket.hpp"
#include "tests/support/manual_clock.hpp"

namespace xm::test {

class FakeUdpSocket;

// How the network treats each datagram. Chances are between 0 and 1.
struct NetworkFaults {
  double loss = 0;
  double duplication = 0;
  double reordering = 0;  // this datagram is held back by `hold_back`
  Duration delay = 0ns;   // of every datagram
  Duration hold_back = 1ms;
};

struct Datagram {
  Endpoint from;
  Endpoint to;
  std::vector<std::uint8_t> payload;
  std::uint8_t tos = 0;
};

// Thread: any; each call is atomic.
class FakeNetwork {
 public:
  FakeNetwork(const ManualClock& clock, std::uint64_t seed, NetworkFaults faults = {})
      : clock_(clock), generator_(seed), faults_(faults) {}

  void set_faults(NetworkFaults faults) {
    const std::lock_guard lock(mutex_);
    faults_ = faults;
  }

  // When the next datagram arrives somewhere; kFarFuture when none is under way.
  [[nodiscard]] Instant next_arrival() const {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, datagram] : under_way_) {
      if (hosts_.contains(datagram.to)) return key.first;
    }
    return kFarFuture;
  }

  // Puts a datagram on its way from anywhere: an attacker's, or one kept from before.
  void inject(Datagram datagram) {
    const std::lock_guard lock(mutex_);
    dispatch(std::move(datagram));
  }

  // Every datagram that was sent (lost ones too), from now on, for tests that look at the wire or
  // send it again.
  void start_recording() {
    const std::lock_guard lock(mutex_);
    recording_ = true;
  }
  [[nodiscard]] std::vector<Datagram> take_recording() {
    const std::lock_guard lock(mutex_);
    return std::exchange(recorded_, {});
  }

 private:
  friend class FakeUdpSocket;

  // Arrival, and a running number that keeps the order of what arrives together.
  using Key = std::pair<Instant, std::uint64_t>;

  bool happens(double chance) {
    return chance > 0 && std::uniform_real_distribution<double>(0, 1)(generator_) < chance;
  }

  void dispatch(Datagram datagram) {
    if (recording_) recorded_.push_back(datagram);
    if (happens(faults_.loss)) return;
    const int copies = happens(faults_.duplication) ? 2 : 1;
    for (int copy = 0; copy < copies; ++copy) {
      Instant arrival = clock_.now() + faults_.delay;
      if (happens(faults_.reordering)) arrival = arrival + faults_.hold_back;
      under_way_.emplace(Key{arrival, next_number_++}, datagram);
    }
  }

  // Takes what has arrived at `to` by now, at most `most`, in the order of arrival.
  std::vector<Datagram> collect(const Endpoint& to, std::size_t most) {
    std::vector<Datagram> arrived;
    const Instant now = clock_.now();
    for (auto at = under_way_.begin();
         at != under_way_.end() && at->first.first <= now && arrived.size() < most;) {
      if (at->second.to == to) {
        arrived.push_back(std::move(at->second));
        at = under_way_.erase(at);
      } else if (!hosts_.contains(at->second.to)) {
        at = under_way_.erase(at);
      } else {
        ++at;
      }
    }
    return arrived;
  }

  mutable std::mutex mutex_;
  const ManualClock& clock_;
  std::mt19937_64 generator_;
  NetworkFaults faults_;
  std::map<Key, Datagram> under_way_;
  std::multiset<Endpoint> hosts_;  // where sockets are: what goes elsewhere is lost
  std::uint64_t next_number_ = 0;
  bool recording_ = false;
  std::vector<Datagram> recorded_;
};

class FakeReceiveBuffers final : public ReceiveBuffers {
 private:
  friend class FakeUdpSocket;
  std::vector<std::uint8_t> storage_;
};

// A socket of a FakeNetwork. Datagrams of one sender that arrive one after another share a source
// and lie side by side, as UDP GRO leaves them.
class FakeUdpSocket final : public DatagramSocket {
 public:
  FakeUdpSocket(FakeNetwork& network, Endpoint local) : network_(network), local_(local) {
    const std::lock_guard lock(network_.mutex_);
    network_.hosts_.insert(local_);
  }
  ~FakeUdpSocket() override {
    const std::lock_guard lock(network_.mutex_);
    network_.hosts_.erase(network_.hosts_.find(local_));
  }
  FakeUdpSocket(const FakeUdpSocket&) = delete;
  FakeUdpSocket& operator=(const FakeUdpSocket&) = delete;

  [[nodiscard]] Endpoint local() const {
    const std::lock_guard lock(network_.mutex_);
    return local_;
  }
  // The host roams or a NAT rebinds: datagrams leave from, and arrive at, `local` from now on.
  void move_to(Endpoint local) {
    const std::lock_guard lock(network_.mutex_);
    network_.hosts_.erase(network_.hosts_.find(local_));
    network_.hosts_.insert(local);
    local_ = local;
  }
  // Every further send loses its runs, as to a full queue or to an error.
  void refuse_sends(bool refuse, bool as_full_queue) {
    const std::lock_guard lock(network_.mutex_);
    refuse_ = refuse;
    refuse_as_full_queue_ = as_full_queue;
  }

  bool receive(ReceiveBuffers& buffers, ReceiveBatch& batch) override {
    const std::lock_guard lock(network_.mutex_);
    batch.clear();
    auto& storage = static_cast<FakeReceiveBuffers&>(buffers).storage_;
    const auto arrived = network_.collect(local_, ReceiveBatch::kMaxSources);
    std::size_t total = 0;
    for (const Datagram& datagram : arrived) total += datagram.payload.size();
    storage.resize(total);
    std::size_t offset = 0;
    for (const Datagram& datagram : arrived) {
      const std::size_t length = datagram.payload.size();
      std::copy(datagram.payload.begin(), datagram.payload.end(),
                storage.begin() + static_cast<std::ptrdiff_t>(offset));
      batch.frames[batch.frame_count++] = {
          storage.data() + offset, static_cast<std::uint32_t>(length), source_of(datagram, batch)};
      offset += length;
    }
    return arrived.size() < ReceiveBatch::kMaxSources;
  }

  void send(std::span<SendRun> runs, Instant /*now*/) override {
    const std::lock_guard lock(network_.mutex_);
    for (SendRun& run : runs) {
      run.lost = refuse_ ? run.segments() : 0;
      run.lost_to_full_queue = refuse_ && refuse_as_full_queue_;
      if (refuse_) continue;
      for (std::uint32_t at = 0; at < run.length; at += run.segment_size) {
        const std::uint32_t length = std::min(run.segment_size, run.length - at);
        network_.dispatch(
            {local_, run.path->remote, {run.data + at, run.data + at + length}, run.tos});
      }
    }
  }

  [[nodiscard]] int fd() const override { return -1; }

 private:
  [[nodiscard]] static std::uint32_t source_of(const Datagram& datagram, ReceiveBatch& batch) {
    const Source source{datagram.from, datagram.to.address, 1,
                        static_cast<std::uint8_t>(datagram.tos & 3)};
    const bool same = batch.source_count > 0 &&
                      batch.sources[batch.source_count - 1].remote == source.remote &&
                      batch.sources[batch.source_count - 1].ecn == source.ecn;
    if (!same) batch.sources[batch.source_count++] = source;
    return static_cast<std::uint32_t>(batch.source_count - 1);
  }

  FakeNetwork& network_;
  Endpoint local_;
  bool refuse_ = false;
  bool refuse_as_full_queue_ = false;
};

}  // namespace xm::test
