#include "agent/bench/handshake_sink.hpp"

#include <utility>

namespace xm::bench {

Result<std::unique_ptr<HandshakeSink>> HandshakeSink::create(const PublicKey& local_key) {
  auto bell = WakeUp::create();
  if (!bell) return bell.error();
  auto poller = Poller::create();
  if (!poller) return poller.error();
  if (Status added = poller->add((*bell)->fd(), 0); !added) return added.error();
  return std::unique_ptr<HandshakeSink>(
      new HandshakeSink(local_key, std::move(*bell), std::move(*poller)));
}

HandshakeSink::~HandshakeSink() {
  if (!thread_.joinable()) return;
  stopping_.store(true);
  ring();
  thread_.join();
}

void HandshakeSink::start(ControlPort& port) {
  thread_ = std::thread([this, &port] { run(port); });
}

void HandshakeSink::run(ControlPort& port) {
  HandshakeDatagram datagram;
  while (!stopping_.load()) {
    bell_->arm();
    std::uint64_t refused = 0;
    while (port.take(datagram)) {
      const Bytes message = Bytes(datagram.bytes).first(datagram.length);
      if (!checker_.mac1_is_valid(message)) ++refused;
    }
    refused_.fetch_add(refused, std::memory_order_relaxed);
    if (!stopping_.load()) (void)poller_.wait(Poller::kForever);
    bell_->disarm();
  }
}

}  // namespace xm::bench
