// The UDP system calls without a kernel: the test decides how each send is answered and what each
// receive brings.
#pragma once

#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "agent/io/syscalls.hpp"
#include "xdpmesh/addr.hpp"

namespace xm::test {

// One message as the socket handed it to the kernel.
struct SentMessage {
  int fd = -1;
  std::vector<std::uint8_t> payload;
  Endpoint to;  // not set on a connected socket
  std::uint16_t segment_size = 0;
  int tos = 0;
  IpAddress source;
  std::uint32_t interface_index = 0;
};

// One message as the kernel would hand it to the socket.
struct IncomingMessage {
  Endpoint from;
  std::vector<std::uint8_t> payload;
  int segment_size = 0;
  IpAddress local;
  std::uint32_t interface_index = 0;
  std::uint8_t tos = 0;
  int flags = 0;  // MSG_TRUNC
};

class FakeSyscalls final : public Syscalls {
 public:
  // Asked for each message: 0 sends it, else the errno.
  std::function<int(const SentMessage&)> on_send = [](const SentMessage&) { return 0; };
  // Each receive takes one entry: an errno, or messages. Without any: EAGAIN.
  struct Incoming {
    int error = 0;
    std::vector<IncomingMessage> messages;
  };
  std::deque<Incoming> incoming;

  std::vector<SentMessage> sent;     // in order, only what was accepted
  std::vector<SentMessage> refused;  // in order
  int send_calls = 0;
  int polls = 0;

  ssize_t sendmsg(int fd, const msghdr* message, int /*flags*/) override {
    ++send_calls;
    const ssize_t length = take(fd, *message);
    return length;
  }

  // As the kernel: what was sent before an error counts, and that error is not told.
  int sendmmsg(int fd, mmsghdr* messages, unsigned count, int /*flags*/) override {
    ++send_calls;
    for (unsigned i = 0; i < count; ++i) {
      const ssize_t length = take(fd, messages[i].msg_hdr);
      if (length < 0) return i == 0 ? -1 : static_cast<int>(i);
      messages[i].msg_len = static_cast<unsigned>(length);
    }
    return static_cast<int>(count);
  }

  int recvmmsg(int /*fd*/, mmsghdr* messages, unsigned count, int /*flags*/) override {
    if (incoming.empty()) return fail(EAGAIN);
    const Incoming next = std::move(incoming.front());
    incoming.pop_front();
    if (next.error != 0) return fail(next.error);
    const auto given = std::min<std::size_t>(count, next.messages.size());
    for (std::size_t i = 0; i < given; ++i) give(next.messages[i], messages[i]);
    return static_cast<int>(given);
  }

  int poll(pollfd* /*descriptors*/, nfds_t count, int /*timeout_milliseconds*/) override {
    ++polls;
    return static_cast<int>(count);
  }

 private:
  static int fail(int error) {
    errno = error;
    return -1;
  }

  template <typename T>
  static T value_of(const cmsghdr* control) {
    T value;
    std::memcpy(&value, CMSG_DATA(control), sizeof value);
    return value;
  }

  static void read_control(const cmsghdr* control, SentMessage& message) {
    const auto is = [&](int level, int type) {
      return control->cmsg_level == level && control->cmsg_type == type;
    };
    if (is(IPPROTO_UDP, UDP_SEGMENT)) message.segment_size = value_of<std::uint16_t>(control);
    if (is(IPPROTO_IP, IP_TOS) || is(IPPROTO_IPV6, IPV6_TCLASS))
      message.tos = value_of<int>(control);
    if (is(IPPROTO_IP, IP_PKTINFO)) {
      const auto info = value_of<in_pktinfo>(control);
      message.source = IpAddress::v4(reinterpret_cast<const std::uint8_t*>(&info.ipi_spec_dst));
      message.interface_index = static_cast<std::uint32_t>(info.ipi_ifindex);
    }
    if (is(IPPROTO_IPV6, IPV6_PKTINFO)) {
      const auto info = value_of<in6_pktinfo>(control);
      message.source = IpAddress::v6(reinterpret_cast<const std::uint8_t*>(&info.ipi6_addr));
      message.interface_index = info.ipi6_ifindex;
    }
  }

  ssize_t take(int fd, const msghdr& header) {
    SentMessage message;
    message.fd = fd;
    for (std::size_t i = 0; i < header.msg_iovlen; ++i) {
      const auto* bytes = static_cast<const std::uint8_t*>(header.msg_iov[i].iov_base);
      message.payload.insert(message.payload.end(), bytes, bytes + header.msg_iov[i].iov_len);
    }
    if (header.msg_name != nullptr) {
      sockaddr_storage name{};
      std::memcpy(&name, header.msg_name, header.msg_namelen);
      message.to = Endpoint::from_sockaddr(name);
    }
    msghdr copy = header;
    for (cmsghdr* control = CMSG_FIRSTHDR(&copy); control != nullptr;
         control = CMSG_NXTHDR(&copy, control)) {
      read_control(control, message);
    }
    const auto length = static_cast<ssize_t>(message.payload.size());
    const int error = on_send(message);
    (error == 0 ? sent : refused).push_back(std::move(message));
    return error == 0 ? length : fail(error);
  }

  template <typename T>
  static void put(msghdr& header, std::size_t& used, int level, int type, const T& value) {
    auto* control =
        reinterpret_cast<cmsghdr*>(static_cast<std::uint8_t*>(header.msg_control) + used);
    control->cmsg_level = level;
    control->cmsg_type = type;
    control->cmsg_len = CMSG_LEN(sizeof value);
    std::memcpy(CMSG_DATA(control), &value, sizeof value);
    used += CMSG_SPACE(sizeof value);
  }

  static void give(const IncomingMessage& message, mmsghdr& into) {
    msghdr& header = into.msg_hdr;
    const std::size_t length = std::min(message.payload.size(), header.msg_iov[0].iov_len);
    std::copy_n(message.payload.data(), length,
                static_cast<std::uint8_t*>(header.msg_iov[0].iov_base));
    into.msg_len = static_cast<unsigned>(length);
    header.msg_flags = message.flags;
    sockaddr_storage name{};
    header.msg_namelen = message.from.to_sockaddr(name);
    std::memcpy(header.msg_name, &name, header.msg_namelen);

    std::size_t used = 0;
    if (message.local.is_v4()) {
      in_pktinfo info{};
      info.ipi_ifindex = static_cast<int>(message.interface_index);
      std::memcpy(&info.ipi_spec_dst, message.local.octets.data(), 4);
      put(header, used, IPPROTO_IP, IP_PKTINFO, info);
      put(header, used, IPPROTO_IP, IP_TOS, message.tos);
    } else if (message.local.is_v6()) {
      in6_pktinfo info{};
      info.ipi6_ifindex = message.interface_index;
      std::memcpy(&info.ipi6_addr, message.local.octets.data(), 16);
      put(header, used, IPPROTO_IPV6, IPV6_PKTINFO, info);
      put(header, used, IPPROTO_IPV6, IPV6_TCLASS, static_cast<int>(message.tos));
    }
    if (message.segment_size != 0) put(header, used, IPPROTO_UDP, UDP_GRO, message.segment_size);
    header.msg_controllen = used;
  }
};

}  // namespace xm::test
