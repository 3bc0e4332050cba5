#include "loader/netdev_family.hpp"

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <functional>
#include <memory>

namespace xm {
namespace {

// NETDEV_FAMILY_NAME, NETDEV_CMD_DEV_GET, NETDEV_A_DEV_* of <linux/netdev.h>.
constexpr const char* kFamily = "netdev";
constexpr std::uint8_t kCommandDevGet = 1;
constexpr std::uint16_t kAttributeIfindex = 1;
constexpr std::uint16_t kAttributeXdpFeatures = 3;

struct CloseSocket {
  void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
};
using Socket = std::unique_ptr<mnl_socket, CloseSocket>;
using Visit = std::function<void(const nlattr&)>;

Socket open_socket() {
  Socket socket(mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC));
  if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) return nullptr;
  // The kernel answers at once; this is against waiting for ever if it does not.
  const timeval limit{2, 0};
  setsockopt(mnl_socket_get_fd(socket.get()), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return socket;
}

int visit_message(const nlmsghdr* message, void* visitor) {
  return mnl_attr_parse(
      message, sizeof(genlmsghdr),
      [](const nlattr* attribute, void* visit) {
        (*static_cast<const Visit*>(visit))(*attribute);
        return MNL_CB_OK;
      },
      visitor);
}

// One request with one attribute, and the attributes of its answers.
void ask(mnl_socket& socket, std::uint16_t family, std::uint8_t command,
         const std::function<void(nlmsghdr*)>& put, Visit visit) {
  alignas(nlmsghdr) std::array<char, 8192> buffer{};
  nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = family;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  message->nlmsg_seq = command;
  auto* header = static_cast<genlmsghdr*>(mnl_nlmsg_put_extra_header(message, sizeof(genlmsghdr)));
  header->cmd = command;
  header->version = 1;
  put(message);
  const unsigned sequence = message->nlmsg_seq;
  if (mnl_socket_sendto(&socket, message, message->nlmsg_len) < 0) return;
  int state = MNL_CB_OK;
  while (state > MNL_CB_STOP) {
    const ssize_t length = mnl_socket_recvfrom(&socket, buffer.data(), buffer.size());
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) return;
    state = mnl_cb_run(buffer.data(), static_cast<std::size_t>(length), sequence,
                       mnl_socket_get_portid(&socket), visit_message, &visit);
  }
}

// The number that the kernel has given the family; 0 when it has none of this name.
std::uint16_t family_number(mnl_socket& socket) {
  std::uint16_t number = 0;
  ask(
      socket, GENL_ID_CTRL, CTRL_CMD_GETFAMILY,
      [](nlmsghdr* message) { mnl_attr_put_strz(message, CTRL_ATTR_FAMILY_NAME, kFamily); },
      [&](const nlattr& attribute) {
        if (mnl_attr_get_type(&attribute) == CTRL_ATTR_FAMILY_ID &&
            mnl_attr_validate(&attribute, MNL_TYPE_U16) == 0) {
          number = mnl_attr_get_u16(&attribute);
        }
      });
  return number;
}

}  // namespace

std::optional<std::uint64_t> xdp_feature_bits(std::uint32_t ifindex) {
  const Socket socket = open_socket();
  if (!socket) return std::nullopt;
  const std::uint16_t family = family_number(*socket);
  if (family == 0) return std::nullopt;
  std::optional<std::uint64_t> bits;
  ask(
      *socket, family, kCommandDevGet,
      [&](nlmsghdr* message) { mnl_attr_put_u32(message, kAttributeIfindex, ifindex); },
      [&](const nlattr& attribute) {
        if (mnl_attr_get_type(&attribute) == kAttributeXdpFeatures &&
            mnl_attr_validate(&attribute, MNL_TYPE_U64) == 0) {
          bits = mnl_attr_get_u64(&attribute);
        }
      });
  return bits;
}

}  // namespace xm
