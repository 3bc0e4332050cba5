#include "agent/io/rtnetlink.hpp"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace xm {
namespace {

// A message of the kernel's is at most this long (NLMSG_GOODSIZE; 32 KB for dumps).
constexpr std::size_t kBufferSize = 32768;

constexpr std::int32_t kThisNamespace = -1;

// The number of the namespace that a message came from, of sockets that listen everywhere.
std::int32_t sender_namespace(const msghdr& header) {
  auto& mutable_header = const_cast<msghdr&>(header);  // NOLINT: CMSG_NXTHDR's signature
  for (cmsghdr* control = CMSG_FIRSTHDR(&mutable_header); control != nullptr;
       control = CMSG_NXTHDR(&mutable_header, control)) {
    if (control->cmsg_level == SOL_NETLINK && control->cmsg_type == NETLINK_LISTEN_ALL_NSID) {
      std::int32_t id = kThisNamespace;
      std::memcpy(&id, CMSG_DATA(control), sizeof id);
      return id;
    }
  }
  return kThisNamespace;
}

// One datagram of messages; the length or -1 with errno.
ssize_t receive(int fd, std::array<char, kBufferSize>& buffer, int flags,
                std::int32_t& namespace_id) {
  alignas(cmsghdr) std::array<char, 128> control{};
  sockaddr_nl from{};
  iovec payload{buffer.data(), buffer.size()};
  msghdr header{};
  header.msg_name = &from;
  header.msg_namelen = sizeof from;
  header.msg_iov = &payload;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  const ssize_t length = recvmsg(fd, &header, flags);
  if (length < 0) return length;
  namespace_id = sender_namespace(header);
  // Only the kernel (port 0) may speak to us: other processes can send to a netlink port too.
  return from.nl_pid == 0 ? length : 0;
}

// What the message that ends a dump says: 0, or minus an errno.
int end_of_dump(const nlmsghdr& message) {
  int error = 0;
  if (mnl_nlmsg_get_payload_len(&message) >= sizeof error) {
    std::memcpy(&error, mnl_nlmsg_get_payload(&message), sizeof error);
  }
  return error;
}

int call_visitor(const nlattr* attribute, void* visitor) {
  (*static_cast<const VisitAttribute*>(visitor))(*attribute);
  return MNL_CB_OK;
}

}  // namespace

IpAddress read_address(const nlattr& attribute, std::uint8_t family) {
  const auto* bytes = static_cast<const std::uint8_t*>(mnl_attr_get_payload(&attribute));
  const std::size_t size = mnl_attr_get_payload_len(&attribute);
  if (family == AF_INET && size == 4) return IpAddress::v4(bytes);
  if (family == AF_INET6 && size == 16) return IpAddress::v6(bytes);
  return {};
}

bool lacks_family(const Status& refused) {
  const int error = refused.error().os_errno;
  return error == EOPNOTSUPP || error == EAFNOSUPPORT;
}

void for_each_attribute(const nlmsghdr& message, std::size_t header_size,
                        const VisitAttribute& visit) {
  auto* visitor = const_cast<VisitAttribute*>(&visit);  // NOLINT: C passes it on as void*
  mnl_attr_parse(&message, static_cast<unsigned>(header_size), call_visitor, visitor);
}

void for_each_nested(const nlattr& attribute, const VisitAttribute& visit) {
  auto* visitor = const_cast<VisitAttribute*>(&visit);  // NOLINT: C passes it on as void*
  mnl_attr_parse_nested(&attribute, call_visitor, visitor);
}

Result<RouteSocket> RouteSocket::open(std::uint32_t groups) {
  mnl_socket* socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
  if (socket == nullptr) return errno_error("cannot open a routing socket");
  RouteSocket opened(socket);
  if (mnl_socket_bind(socket, groups, MNL_SOCKET_AUTOPID) < 0) {
    return errno_error("cannot bind a routing socket");
  }
  // The kernel answers a request at once; this is against waiting for ever if it does not.
  const timeval limit{2, 0};
  setsockopt(opened.fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return opened;
}

int RouteSocket::fd() const {
  return mnl_socket_get_fd(socket_.get());
}

Status RouteSocket::listen_everywhere() {
  int on = 1;
  if (mnl_socket_setsockopt(socket_.get(), NETLINK_LISTEN_ALL_NSID, &on, sizeof on) < 0) {
    return errno_error("cannot listen to other network namespaces");
  }
  return {};
}

void RouteSocket::let_kernel_filter_dumps() {
  const int on = 1;
  setsockopt(fd(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
}

Status RouteSocket::request(nlmsghdr& message, const std::string& what, const Visit& visit) {
  const bool is_dump = (message.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
  message.nlmsg_flags |= is_dump ? NLM_F_REQUEST : NLM_F_REQUEST | NLM_F_ACK;
  message.nlmsg_seq = ++sequence_;
  if (mnl_socket_sendto(socket_.get(), &message, message.nlmsg_len) < 0) return errno_error(what);

  alignas(nlmsghdr) std::array<char, kBufferSize> buffer;
  bool changed_meanwhile = false;
  while (true) {
    std::int32_t namespace_id = kThisNamespace;
    const ssize_t length = receive(fd(), buffer, 0, namespace_id);
    if (length < 0) {
      if (errno == EINTR) continue;
      return errno_error(what);
    }
    int rest = static_cast<int>(length);
    for (auto* answer = reinterpret_cast<nlmsghdr*>(buffer.data()); mnl_nlmsg_ok(answer, rest);
         answer = mnl_nlmsg_next(answer, &rest)) {
      if (answer->nlmsg_seq != sequence_) continue;
      if (answer->nlmsg_type == NLMSG_ERROR) {
        const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(answer));
        if (error->error != 0) return errno_error(what, -error->error);
        return {};
      }
      if (is_dump && (answer->nlmsg_flags & NLM_F_DUMP_INTR) != 0) changed_meanwhile = true;
      if (is_dump && answer->nlmsg_type == NLMSG_DONE) {
        if (const int refused = end_of_dump(*answer); refused < 0)
          return errno_error(what, -refused);
        if (changed_meanwhile) return errno_error(what, EAGAIN);
        return {};
      }
      if (visit) visit(*answer, namespace_id);
    }
  }
}

bool RouteSocket::drain(const Visit& visit) {
  alignas(nlmsghdr) std::array<char, kBufferSize> buffer;
  bool complete = true;
  while (true) {
    std::int32_t namespace_id = kThisNamespace;
    const ssize_t length = receive(fd(), buffer, MSG_DONTWAIT, namespace_id);
    if (length < 0) {
      if (errno == EINTR) continue;
      if (errno != ENOBUFS) return complete;
      complete = false;
      continue;
    }
    int rest = static_cast<int>(length);
    for (auto* event = reinterpret_cast<nlmsghdr*>(buffer.data()); mnl_nlmsg_ok(event, rest);
         event = mnl_nlmsg_next(event, &rest)) {
      if (visit) visit(*event, namespace_id);
    }
  }
}

}  // namespace xm
