#include "agent/io/uring_sender.hpp"

#include <cerrno>

namespace xm {
namespace {

UdpSocket& socket_of(const SendRun& run) {
  return static_cast<UdpSocket&>(*run.path->socket);
}

}  // namespace

void UringSender::send(std::span<SendRun> runs, Instant now) {
  if (ring_.failure() != 0) return direct_sender.send(runs, now);
  for (SendRun& run : runs) run.forget_losses();
  for (Place at; at.run < runs.size();) {
    build(runs, at, now);
    if (count_ == 0) return;  // nothing but empty runs is left
    submit(runs);
    at = take_results(runs, now);
  }
}

void UringSender::build(std::span<SendRun> runs, Place from, Instant now) {
  count_ = 0;
  std::uint32_t offset = from.offset;
  for (std::size_t run = from.run; run < runs.size(); ++run, offset = 0) {
    if (runs[run].segment_size == 0) continue;
    while (offset < runs[run].length) {
      if (count_ == messages_.size()) return;
      Message& message = messages_[count_++];
      message.run = run;
      message.offset = offset;
      socket_of(runs[run]).build_message(runs[run], offset, now, true, message.header,
                                         message.parts);
      offset += static_cast<std::uint32_t>(message.parts.payload.iov_len);
    }
  }
}

void UringSender::submit(std::span<SendRun> runs) {
  batch_.start(static_cast<unsigned>(count_));
  for (std::size_t i = 0; i < count_; ++i) {
    batch_.add([&](io_uring_sqe* request) {
      io_uring_prep_sendmsg(request, socket_of(runs[messages_[i].run]).fd(), &messages_[i].header,
                            MSG_DONTWAIT | MSG_NOSIGNAL);
      if (i + 1 < count_) request->flags |= IOSQE_IO_LINK;
    });
  }
  batch_.run();
}

UringSender::Place UringSender::take_results(std::span<SendRun> runs, Instant now) {
  std::size_t sent = 0;
  while (sent < count_ && batch_.result(sent) >= 0) ++sent;
  if (sent == count_) {
    const Message& last = messages_[count_ - 1];
    const auto end = last.offset + static_cast<std::uint32_t>(last.parts.payload.iov_len);
    return end < runs[last.run].length ? Place{last.run, end} : Place{last.run + 1, 0};
  }
  const Message& refused = messages_[sent];
  UdpSocket& socket = socket_of(runs[refused.run]);
  std::size_t end = refused.run + 1;
  while (end < runs.size() && &socket_of(runs[end]) == &socket) ++end;
  // Not run at all: the ring is broken, or could not take it. That is no answer about the message.
  const int error = batch_.result(sent) == UringBatch::kNotDone ? EINTR : -batch_.result(sent);
  socket.send_after_refusal(runs.subspan(refused.run, end - refused.run),
                            {.offset = refused.offset,
                             .length = static_cast<std::uint32_t>(refused.parts.payload.iov_len),
                             .error = error},
                            now);
  return {end, 0};
}

}  // namespace xm
