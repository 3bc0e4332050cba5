#include "agent/bench/paced_sender.hpp"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <cstring>

#include "agent/bench/figure.hpp"
#include "agent/wire/ip.hpp"
#include "agent/wire/wg.hpp"
#include "xdpmesh/clock.hpp"

namespace xm::bench {
namespace {

constexpr std::uint32_t kMtu = 1420;
// What is later than this is not made up for.
constexpr std::int64_t kMostDelay = 2'000'000;

}  // namespace

std::vector<std::uint8_t> data_message(const PathWorkload::Packet& segment) {
  const std::uint32_t padded = padded_length(static_cast<std::uint32_t>(segment.size()), kMtu);
  std::vector<std::uint8_t> message(padded + kDataOverhead);
  store_le32(message.data(), static_cast<std::uint32_t>(MessageType::data));
  std::copy(segment.begin(), segment.end(), message.begin() + kDataHeaderSize);
  return message;
}

Result<std::unique_ptr<PacedSender>> PacedSender::start(
    int network, const Endpoint& destination, int cpu,
    std::span<const PathWorkload::Packet> segments) {
  std::unique_ptr<PacedSender> made(new PacedSender);
  made->prepare(segments);
  Status opened;
  // A thread that has gone to another network stays there, so the socket is opened by one of its
  // own.
  std::thread([&] { opened = made->open(network, destination); }).join();
  if (!opened) return opened.error();
  made->thread_ = std::thread([sender = made.get()] { sender->run(); });
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<std::size_t>(cpu), &one);
  if (const int error = pthread_setaffinity_np(made->thread_.native_handle(), sizeof one, &one);
      error != 0) {
    return errno_error("cannot bind the sender to processor " + std::to_string(cpu), error);
  }
  return made;
}

PacedSender::~PacedSender() {
  stopping_.store(true);
  if (thread_.joinable()) thread_.join();
}

Status PacedSender::open(int network, const Endpoint& destination) {
  if (setns(network, CLONE_NEWNET) != 0) return errno_error("cannot enter the sender's network");
  socket_ = Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket_) return errno_error("cannot make the sender's socket");
  sockaddr_storage name{};
  socklen_t length = destination.to_sockaddr(name);
  if (connect(socket_.get(), reinterpret_cast<const sockaddr*>(&name), length) != 0) {
    return errno_error("cannot connect the sender's socket to " + destination.to_string());
  }
  length = sizeof name;
  if (getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&name), &length) != 0) {
    return errno_error("cannot learn the sender's port");
  }
  port_ = Endpoint::from_sockaddr(name).port;
  return {};
}

// Enough of each message that no two of a burst are the same bytes.
void PacedSender::prepare(std::span<const PathWorkload::Packet> segments) {
  while (messages_.size() < kBurst) {
    for (const PathWorkload::Packet& segment : segments) messages_.push_back(data_message(segment));
  }
  for (std::size_t i = 0; i < kBurst; ++i) {
    headers_[i].msg_hdr.msg_iov = &payloads_[i];
    headers_[i].msg_hdr.msg_iovlen = 1;
  }
}

void PacedSender::send_data(std::uint64_t rate, std::uint32_t receiver_index) {
  receiver_index_.store(receiver_index, std::memory_order_relaxed);
  wants_initiations_.store(false, std::memory_order_relaxed);
  rate_.store(rate, std::memory_order_release);
}

void PacedSender::send_initiations(std::uint64_t rate) {
  wants_initiations_.store(true, std::memory_order_relaxed);
  rate_.store(rate, std::memory_order_release);
}

void PacedSender::run() {
  std::uint64_t rate = 0;
  while (!stopping_.load(std::memory_order_relaxed)) {
    const std::uint64_t wanted = rate_.load(std::memory_order_acquire);
    if (wanted == 0) {
      rate = 0;
      std::this_thread::sleep_for(1ms);
      continue;
    }
    if (wanted != rate) {
      rate = wanted;
      since_ = stopwatch_nanoseconds();
      sent_since_ = 0;
    }
    if (const std::size_t count = due(rate); count > 0) send_burst(count);
  }
}

std::size_t PacedSender::due(std::uint64_t rate) {
  if (rate == kAsFastAsItCan) return kBurst;
  const std::int64_t now = stopwatch_nanoseconds();
  const auto due_by = [&](std::int64_t at) {
    return static_cast<std::uint64_t>(static_cast<double>(at - since_) * 1e-9 *
                                      static_cast<double>(rate));
  };
  const std::uint64_t given_up = due_by(now - kMostDelay);
  if (now - since_ > kMostDelay && given_up > sent_since_) sent_since_ = given_up;
  const std::uint64_t all = due_by(now);
  return all <= sent_since_ ? 0 : std::min<std::uint64_t>(all - sent_since_, kBurst);
}

void PacedSender::send_burst(std::size_t count) {
  const std::uint32_t index = receiver_index_.load(std::memory_order_relaxed);
  const bool initiations = wants_initiations_.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < count; ++i) {
    payloads_[i] = initiations ? next_initiation() : next_data(index);
  }
  const int sent = sendmmsg(socket_.get(), headers_.data(), static_cast<unsigned>(count), 0);
  sent_since_ += count;  // what was refused is not made up for, either
  if (sent > 0) {
    sent_.store(sent_.load(std::memory_order_relaxed) + static_cast<std::uint64_t>(sent),
                std::memory_order_relaxed);
  }
}

iovec PacedSender::next_data(std::uint32_t receiver_index) {
  std::vector<std::uint8_t>& message = messages_[next_message_];
  next_message_ = (next_message_ + 1) % messages_.size();
  auto& header = *reinterpret_cast<MessageDataHeader*>(message.data());
  store_le32(header.receiver_index, receiver_index);
  store_le64(header.counter, counter_++);
  return {message.data(), message.size()};
}

iovec PacedSender::next_initiation() {
  MessageInitiation& message = initiations_[counter_ % kBurst];
  store_le32(message.type, static_cast<std::uint32_t>(MessageType::initiation));
  store_le64(message.ephemeral, counter_++);
  return {&message, sizeof message};
}

}  // namespace xm::bench
