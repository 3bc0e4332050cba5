#include "agent/io/uring_receiver.hpp"

#include <cerrno>

#include "agent/io/received_message.hpp"

namespace xm {

UringReceiver::UringReceiver(Uring& ring, UringBuffers& buffers, UdpSocket& socket,
                             PathIo::Token token)
    : UringSource(ring, socket.fd(), token),
      buffers_(buffers),
      socket_(socket),
      messages_(buffers.count()) {
  shape_.msg_namelen = sizeof(sockaddr_storage);
  shape_.msg_controllen = ReceiveControl::kSize;
}

UringReceiver::~UringReceiver() {
  while (waiting_ > 0) finish_first();
}

void UringReceiver::prepare(io_uring_sqe* request) {
  io_uring_prep_recvmsg_multishot(request, fd(), &shape_, 0);
  request->flags |= IOSQE_BUFFER_SELECT;
  request->buf_group = buffers_.group();
}

void UringReceiver::bring(std::uint32_t length, std::uint32_t flags) {
  messages_[(first_ + waiting_++) % messages_.size()] = {buffers_.take(flags), length};
}

// A request that the kernel does not understand is refused with EINVAL, whatever else comes is
// about one datagram, sent or received (is_pending_error in udp_socket.cpp).
bool UringReceiver::is_passing(int error) const {
  return error != EINVAL && error != EBADF;
}

bool UringReceiver::receive(ReceiveBuffers& lent, ReceiveBatch& batch) {
  batch.clear();
  buffers_.end_loans();
  if (!polls()) arm();
  if (waiting_ == 0 && polls()) return socket_.receive(lent, batch);
  while (waiting_ > 0) {
    if (!add_to(batch, messages_[first_])) return false;
    finish_first();
  }
  return !polls();
}

void UringReceiver::finish_first() {
  buffers_.lend(messages_[first_].buffer);
  first_ = (first_ + 1) % messages_.size();
  --waiting_;
  piece_ = 0;
}

bool UringReceiver::add_to(ReceiveBatch& batch, const Message& message) {
  std::uint8_t* const bytes = buffers_.at(message.buffer);
  io_uring_recvmsg_out* const header =
      io_uring_recvmsg_validate(bytes, static_cast<int>(message.length), &shape_);
  if (header == nullptr) return true;  // an error took the buffer along
  msghdr control{};
  control.msg_control = io_uring_recvmsg_cmsg_firsthdr(header, &shape_);
  control.msg_controllen = header->controllen;
  auto* const payload = static_cast<std::uint8_t*>(io_uring_recvmsg_payload(header, &shape_));
  const ReceivedMessage received{
      .from = *static_cast<sockaddr_storage*>(io_uring_recvmsg_name(header)),
      .payload = payload,
      .length = io_uring_recvmsg_payload_length(header, static_cast<int>(message.length), &shape_),
      .attributes = get_attributes(control),
      .truncated = (header->flags & MSG_TRUNC) != 0};
  return split_into(batch, received, piece_);
}

}  // namespace xm
