#include "agent/io/udp_socket.hpp"

#include <linux/sock_diag.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>

#include "agent/io/received_message.hpp"

namespace xm {
namespace {

// What to do about a send that the kernel refused.
enum class Refusal {
  interrupted,    // nothing happened: again
  no_room,        // the send queue is full: wait, then again, in order
  pending_error,  // an ICMP error about an earlier datagram; asking took it away: once more
  no_way,         // no such route or source address: without sticky source, by the listener
  no_offload,     // too long for the path, or the device cannot: without segmentation
  hopeless,
};

// EINVAL stands for no_way and no_offload alike and EMSGSIZE only ever for length: what is tried
// follows from what the send asked for (Sending::answer).
Refusal classify(int error) {
  switch (error) {
    case EINTR:
      return Refusal::interrupted;
    case EAGAIN:
    case ENOBUFS:
      return Refusal::no_room;
    // What icmp_err_convert (net/ipv4/icmp.c) and icmpv6_err_convert leave in a socket.
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENONET:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case EPROTO:
    case EACCES:
      return Refusal::pending_error;
    case EINVAL:
    case ENETUNREACH:
    case EADDRNOTAVAIL:
    case EDESTADDRREQ:  // the control thread is between disconnecting and connecting
      return Refusal::no_way;
    case EIO:
    case EMSGSIZE:
      return Refusal::no_offload;
    default:
      return Refusal::hopeless;
  }
}

// A receive that failed because of an earlier send: the next one may bring datagrams.
bool is_pending_error(int error) {
  return error == EINTR || error == ENETUNREACH || error == EMSGSIZE ||
         classify(error) == Refusal::pending_error;
}

// The longest piece of a run that one segmented send may carry.
std::uint32_t longest_send(std::uint32_t segment_size) {
  return segment_size * std::max(1U, std::min(kMaxSegments, kMaxUdpPayload / segment_size));
}

}  // namespace

// --- Receiving -----------------------------------------------------------------------------------

UdpReceiveBuffers::UdpReceiveBuffers(std::size_t messages)
    : storage_(new std::uint8_t[std::min(messages, ReceiveBatch::kMaxSources) * kMessageSize]),
      slots_(std::min(messages, ReceiveBatch::kMaxSources)),
      headers_(slots_.size()) {}

void UdpReceiveBuffers::reset() {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    slot.payload = {storage_.get() + i * kMessageSize, kMessageSize};
    std::memset(slot.control.bytes, 0, sizeof slot.control.bytes);
    msghdr& message = headers_[i].msg_hdr;
    message.msg_name = &slot.name;
    message.msg_namelen = sizeof slot.name;
    message.msg_iov = &slot.payload;
    message.msg_iovlen = 1;
    message.msg_control = slot.control.bytes;
    message.msg_controllen = sizeof slot.control.bytes;
    message.msg_flags = 0;
    headers_[i].msg_len = 0;
  }
  received_ = next_ = piece_ = 0;
}

bool UdpReceiveBuffers::split_into(ReceiveBatch& batch) {
  for (; next_ < received_; ++next_, piece_ = 0) {
    const msghdr& header = headers_[next_].msg_hdr;
    const ReceivedMessage message{.from = slots_[next_].name,
                                  .payload = storage_.get() + next_ * kMessageSize,
                                  .length = headers_[next_].msg_len,
                                  .attributes = get_attributes(header),
                                  .truncated = (header.msg_flags & MSG_TRUNC) != 0};
    if (!xm::split_into(batch, message, piece_)) return false;
  }
  return true;
}

bool UdpSocket::receive(ReceiveBuffers& lent, ReceiveBatch& batch) {
  auto& buffers = static_cast<UdpReceiveBuffers&>(lent);
  batch.clear();
  const bool was_held = buffers.next_ != buffers.received_;
  if (!was_held) {
    buffers.reset();
    const int received =
        syscalls_.recvmmsg(fd_.get(), buffers.headers_.data(),
                           static_cast<unsigned>(buffers.headers_.size()), MSG_DONTWAIT);
    if (received < 0) return !is_pending_error(errno);
    buffers.received_ = static_cast<std::size_t>(received);
  }
  // A short answer from the kernel means that the socket is empty. What was held says nothing of
  // that, and may be another socket's.
  const bool is_empty = !was_held && buffers.received_ < buffers.headers_.size();
  batch.rest_is_held = !buffers.split_into(batch);
  return is_empty && !batch.rest_is_held;
}

// --- Sending -------------------------------------------------------------------------------------

// One call of send(): the runs, how far they have left, and what was already tried for the message
// that comes next. Messages are built from that place anew after every refusal, because a refusal
// changes how they must look.
class UdpSocket::Sending {
 public:
  Sending(UdpSocket& socket, std::span<SendRun> runs, Instant now)
      : socket_(socket), runs_(runs), now_(now) {}

  void all() {
    for (SendRun& run : runs_) run.forget_losses();
    skip_empty_runs();
    rest();
  }

  void after_refusal(const RefusedSend& refused) {
    offset_ = refused.offset;
    build();
    // Another thread may have turned segmentation off meanwhile: that is another message.
    if (count_ > 0 && parts_[0].payload.iov_len == refused.length) answer(refused.error);
    rest();
  }

 private:
  static constexpr std::size_t kMessages = 64;

  void rest() {
    while (run_ < runs_.size()) {
      build();
      const int sent = transmit();
      if (sent > 0) {
        for (int i = 0; i < sent; ++i) advance(headers_[static_cast<std::size_t>(i)]);
      } else {
        answer(errno);
      }
    }
  }

  void build() {
    count_ = 0;
    std::uint32_t offset = offset_;
    for (std::size_t run = run_; run < runs_.size(); ++run, offset = 0) {
      while (offset < runs_[run].length) {
        if (count_ == kMessages) return;
        offset += put(runs_[run], offset);
      }
    }
  }

  // Makes the next message from what starts at `offset` of `run`; returns its length.
  std::uint32_t put(const SendRun& run, std::uint32_t offset) {
    const bool first = count_ == 0;
    SendParts& parts = parts_[count_];
    const SendAttributes attributes = socket_.build_message(
        run, offset, now_, !(first && tried_without_source_), headers_[count_].msg_hdr, parts);
    if (first) first_ = attributes;
    ++count_;
    return static_cast<std::uint32_t>(parts.payload.iov_len);
  }

  // How many messages left, at least one; or -1 and errno about the first.
  int transmit() {
    if (count_ == 1) {
      const ssize_t sent = socket_.syscalls_.sendmsg(socket_.fd_.get(), &headers_[0].msg_hdr,
                                                     MSG_DONTWAIT | MSG_NOSIGNAL);
      return sent < 0 ? -1 : 1;
    }
    return socket_.syscalls_.sendmmsg(socket_.fd_.get(), headers_.data(),
                                      static_cast<unsigned>(count_), MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  void advance(const mmsghdr& message) {
    offset_ += static_cast<std::uint32_t>(message.msg_hdr.msg_iov->iov_len);
    if (offset_ >= runs_[run_].length) next_run();
    tried_again_ = tried_without_source_ = false;
  }

  void next_run() {
    ++run_;
    offset_ = 0;
    skip_empty_runs();
    tried_again_ = tried_without_source_ = false;
  }

  void skip_empty_runs() {
    while (run_ < runs_.size() && runs_[run_].segments() == 0) ++run_;
  }

  // The first message was refused: change how it is sent, or give it up.
  void answer(int error) {
    const Refusal refusal = classify(error);
    if (refusal == Refusal::interrupted) return;
    if (refusal == Refusal::no_room) return wait_for_room(error);
    if (!socket_.is_connected() && refusal == Refusal::no_way && has_source()) {
      tried_without_source_ = true;
      return;
    }
    if (first_.segment_size != 0 && (refusal == Refusal::no_offload || error == EINVAL)) {
      runs_[run_].path->no_gso_until.store((now_ + kGsoRetryAfter).nanoseconds,
                                           std::memory_order_relaxed);
      return;
    }
    if (socket_.is_connected() && refusal == Refusal::no_way) return hand_to_listener();
    if (!tried_again_ && (refusal == Refusal::pending_error || error == ENETUNREACH)) {
      tried_again_ = true;
      return;
    }
    lose_first(false);
  }

  [[nodiscard]] bool has_source() const { return first_.source.family == first_.family; }

  void wait_for_room(int error) {
    if (!socket_.may_wait(now_)) return lose_first(true);
    // After ENOBUFS it is not the socket that is full: it would be reported writable at once.
    pollfd room{socket_.fd_.get(), POLLOUT, 0};
    socket_.syscalls_.poll(&room, error == ENOBUFS ? 0 : 1, 1);
  }

  void hand_to_listener() {
    SendRun rest = runs_[run_];
    rest.data += offset_;
    rest.length -= offset_;
    socket_.listener_->send(std::span(&rest, 1), now_);
    runs_[run_].lost += rest.lost;
    runs_[run_].lost_to_full_queue |= rest.lost_to_full_queue;
    next_run();
  }

  void lose_first(bool to_full_queue) {
    SendRun& run = runs_[run_];
    const auto length = static_cast<std::uint32_t>(parts_[0].payload.iov_len);
    run.lost += (length + run.segment_size - 1) / run.segment_size;
    run.lost_to_full_queue |= to_full_queue;
    advance(headers_[0]);
  }

  UdpSocket& socket_;
  std::span<SendRun> runs_;
  Instant now_;

  std::size_t run_ = 0;       // the run that the next message comes from
  std::uint32_t offset_ = 0;  // and where in it
  bool tried_again_ = false;
  bool tried_without_source_ = false;

  std::size_t count_ = 0;
  SendAttributes first_;  // of message 0
  // Not initialised: put() writes what count_ covers.
  std::array<mmsghdr, kMessages> headers_;
  std::array<SendParts, kMessages> parts_;
};

UdpSocket::UdpSocket(Fd fd, IpAddress::Family family, UdpSocket* listener, bool segmentation,
                     Syscalls& syscalls)
    : fd_(std::move(fd)),
      family_(family),
      listener_(listener),
      segmentation_(segmentation),
      syscalls_(syscalls) {}

// A leaky bucket that holds kMaxSendWaits.
bool UdpSocket::may_wait(Instant now) {
  constexpr std::int64_t kEvery = kSendWaitEvery.count();
  const std::int64_t paid_at =
      std::max(waits_paid_at_.load(std::memory_order_relaxed), now.nanoseconds);
  if (paid_at - now.nanoseconds > (kMaxSendWaits - 1) * kEvery) return false;
  waits_paid_at_.store(paid_at + kEvery, std::memory_order_relaxed);
  return true;
}

void UdpSocket::send(std::span<SendRun> runs, Instant now) {
  Sending(*this, runs, now).all();
}

void UdpSocket::send_after_refusal(std::span<SendRun> runs, const RefusedSend& refused,
                                   Instant now) {
  Sending(*this, runs, now).after_refusal(refused);
}

SendAttributes UdpSocket::build_message(const SendRun& run, std::uint32_t offset, Instant now,
                                        bool with_source, msghdr& message, SendParts& parts) const {
  const bool may_segment =
      segmentation_ && run.path->no_gso_until.load(std::memory_order_relaxed) <= now.nanoseconds;
  const std::uint32_t length = std::min(
      run.length - offset, may_segment ? longest_send(run.segment_size) : run.segment_size);

  SendAttributes attributes;
  attributes.family = family_;
  if (length > run.segment_size)
    attributes.segment_size = static_cast<std::uint16_t>(run.segment_size);
  attributes.tos = run.tos;
  if (!is_connected() && with_source) {
    attributes.source = run.path->local;
    attributes.interface_index = run.path->interface_index;
  }

  message = {};
  if (!is_connected()) {
    message.msg_name = &parts.name;
    message.msg_namelen = run.path->remote.to_sockaddr(parts.name);
  }
  // sendmsg reads only; iovec is shared with recvmsg and knows no const.
  parts.payload = {const_cast<std::uint8_t*>(run.data + offset), length};  // NOLINT
  message.msg_iov = &parts.payload;
  message.msg_iovlen = 1;
  put_attributes(attributes, parts.control, message);
  return attributes;
}

// --- Options -------------------------------------------------------------------------------------

std::uint64_t UdpSocket::dropped() const {
  std::array<std::uint32_t, SK_MEMINFO_VARS> figures{};
  socklen_t size = sizeof figures;
  if (getsockopt(fd_.get(), SOL_SOCKET, SO_MEMINFO, figures.data(), &size) != 0) return 0;
  return figures[SK_MEMINFO_DROPS];
}

Status UdpSocket::set_mark(std::uint32_t mark) {
  if (setsockopt(fd_.get(), SOL_SOCKET, SO_MARK, &mark, sizeof mark) != 0) {
    return errno_error("cannot set the firewall mark of a UDP socket (it needs CAP_NET_ADMIN)");
  }
  return {};
}

// Bound to an interface that does not exist, it matches no datagram (net/ipv4/udp.c,
// compute_score). A kernel before 5.1 refuses; the datagrams of the last moment are lost with the
// socket there.
void UdpSocket::turn_away() {
  const int no_interface = INT_MAX;
  (void)setsockopt(fd_.get(), SOL_SOCKET, SO_BINDTOIFINDEX, &no_interface, sizeof no_interface);
}

Status UdpSocket::reconnect(const Endpoint& remote) {
  sockaddr unspecified{};
  unspecified.sa_family = AF_UNSPEC;
  if (connect(fd_.get(), &unspecified, sizeof unspecified) != 0) {
    return errno_error("cannot disconnect a UDP socket");
  }
  sockaddr_storage name{};
  const socklen_t length = remote.to_sockaddr(name);
  if (connect(fd_.get(), reinterpret_cast<const sockaddr*>(&name), length) != 0) {
    return errno_error("cannot connect a UDP socket to " + remote.to_string());
  }
  return {};
}

}  // namespace xm
