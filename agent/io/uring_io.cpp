#include "agent/io/uring_io.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "xdpmesh/log.hpp"

namespace xm {
namespace {

constexpr std::uint16_t kReceiveGroup = 0;
constexpr std::uint16_t kReadGroup = 1;

}  // namespace

Result<std::unique_ptr<UringIo>> UringIo::create(TunQueue& tun, const UringIoOptions& options) {
  auto ring = Uring::create(options.ring);
  if (!ring) return ring.error();
  auto receive_buffers = UringBuffers::create(**ring, kReceiveGroup, options.receive_buffers,
                                              UringReceiver::kBufferSize);
  if (!receive_buffers) return receive_buffers.error();
  std::unique_ptr<UringBuffers> read_buffers;
  if (options.vnet_header && (*ring)->has_read_multishot()) {
    auto made = UringBuffers::create(**ring, kReadGroup, options.read_buffers, kTunReadSize);
    if (!made) return made.error();
    read_buffers = std::move(*made);
  }
  auto poller = Poller::create();
  if (!poller) return poller.error();
  return std::unique_ptr<UringIo>(new UringIo(std::move(*ring), std::move(*receive_buffers),
                                              std::move(read_buffers), tun, options.vnet_header,
                                              std::move(*poller)));
}

UringIo::UringIo(std::unique_ptr<Uring> ring, std::unique_ptr<UringBuffers> receive_buffers,
                 std::unique_ptr<UringBuffers> read_buffers, TunQueue& tun, bool vnet_header,
                 Poller poller)
    : receive_buffers_(std::move(receive_buffers)),
      read_buffers_(std::move(read_buffers)),
      ring_(std::move(ring)),
      tun_(*ring_, read_buffers_.get(), tun, vnet_header),
      sender_(*ring_),
      poller_(std::move(poller)) {}

// --- What is waited for --------------------------------------------------------------------------

Status UringIo::watch_bell(int fd) {
  bell_ = std::make_unique<UringSource>(*ring_, fd, kBell);
  bell_->poll_only();
  watch(*bell_);
  return {};
}

Status UringIo::watch_tun() {
  watch(tun_);
  return {};
}

void UringIo::watch(UringSource& source) {
  sources_.push_back(&source);
}

Result<DatagramReceiver*> UringIo::add(DatagramSocket& socket, Token token) {
  std::unique_ptr<UringSource> source;
  DatagramReceiver* receiver = &socket;
  if (auto* const udp = dynamic_cast<UdpSocket*>(&socket)) {
    auto made = std::make_unique<UringReceiver>(*ring_, *receive_buffers_, *udp, token);
    receiver = made.get();
    source = std::move(made);
  } else {
    source = std::make_unique<UringSource>(*ring_, socket.fd(), token);
    source->poll_only();
  }
  if (left_ring_) {
    source->give_up();
    if (Status added = poller_.add(socket.fd(), token); !added) return added.error();
  }
  watch(*source);
  sockets_.emplace(token, std::move(source));
  return receiver;
}

void UringIo::stop(Token token) {
  const auto found = std::find_if(sources_.begin(), sources_.end(), [&](const UringSource* source) {
    return source->token() == token;
  });
  if (found == sources_.end()) return;
  UringSource& source = **found;
  sources_.erase(found);
  if (left_ring_) return poller_.remove(source.fd());
  cancel(source);
}

// Returns when the kernel has told the last of it and holds the descriptor no more.
void UringIo::cancel(UringSource& source) {
  source.poll_only();
  while (source.is_armed() && ring_->failure() == 0) {
    errand_.start();
    ring_->add(errand_, [&](io_uring_sqe* request) {
      const UringOperation& operation = source;
      io_uring_prep_cancel64(request, reinterpret_cast<std::uintptr_t>(&operation), 0);
    });
    while (!errand_.is_done() && ring_->failure() == 0) ring_->turn(1);
    // A request that is about to run cannot be cancelled: it ends, or waits where it can be.
    ring_->turn(0);
  }
}

void UringIo::end() {
  if (!left_ring_) {
    for (UringSource* const source : sources_) cancel(*source);
  }
  // Some kernels wait here for what a ring that failed had begun: closing it lets go of that.
  if (ring_->failure() == 0) tun_.unregister();
  ring_->disable();
}

// --- Waiting -------------------------------------------------------------------------------------

std::span<const PathIo::Token> UringIo::wait(Duration timeout) {
  receive_buffers_->end_loans();
  if (read_buffers_) read_buffers_->end_loans();
  if (left_ring_) return wait_without_ring(timeout);
  fetch_news(timeout);
  note_ready();
  if (ring_->failure() != 0) leave_ring();
  return ready_;
}

void UringIo::fetch_news(Duration timeout) {
  for (UringSource* const source : sources_) source->arm();
  ring_->complete_all();
  const bool ready = std::any_of(sources_.begin(), sources_.end(),
                                 [](const UringSource* source) { return source->is_ready(); });
  // Batches that were sent or written have brought the news along; otherwise they are fetched, or
  // what nobody receives would keep everything else from being heard.
  if (!ready || ring_->turns() == turns_at_last_wait_) {
    ring_->turn(ready || timeout == 0ns ? 0 : 1, timeout);
  }
  turns_at_last_wait_ = ring_->turns();
}

// Room is made here and not by watch(): sockets are added while the worker goes through the last
// answer. wait_without_ring() may name a source twice.
void UringIo::note_ready() {
  ready_.clear();
  ready_.reserve(2 * sources_.size());
  for (UringSource* const source : sources_) {
    if (!source->is_ready()) continue;
    source->forget_poll();
    ready_.push_back(source->token());
  }
}

std::span<const PathIo::Token> UringIo::wait_without_ring(Duration timeout) {
  note_ready();  // those that hold what the ring has brought
  for (const Poller::Ready& ready : poller_.wait(ready_.empty() ? timeout : 0ns)) {
    ready_.push_back(ready.token);
  }
  return ready_;
}

// Everything is looked at once: nobody knows what the ring had to tell. It is closed, or the
// requests that it still has would hold the sockets, and their port, beyond their end.
void UringIo::leave_ring() {
  log::error("an io_uring failed and is not used any more, system calls are: " +
             errno_error("io_uring_enter", failure()).what);
  left_ring_ = true;
  ring_->close();
  ready_.clear();
  for (UringSource* const source : sources_) {
    source->give_up();
    if (Status added = poller_.add(source->fd(), source->token()); !added) {
      log::error(added.error().what);
    }
    ready_.push_back(source->token());
  }
}

}  // namespace xm
