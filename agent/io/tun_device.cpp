#include "agent/io/tun_device.hpp"

#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/io/datagram_socket.hpp"
#include "agent/io/rtnetlink.hpp"
#include "agent/wire/vnet.hpp"

namespace xm {
namespace {

// From Linux 6.2's if_tun.h and 6.3's if_link.h; Debian 12's headers lack them.
constexpr unsigned kTunUso4 = 0x20;
constexpr unsigned kTunUso6 = 0x40;
constexpr std::uint16_t kIflaGsoIpv4MaxSize = 63;

// IP and TCP headers with timestamps.
constexpr std::uint32_t kTcpHeaders = 52;
// What TCP takes off gso_max_size before it counts whole segments: MAX_TCP_HEADER + 1
// (sk_setup_caps in net/core/sock.c), 321 on distributions' 64-bit kernels.
constexpr std::uint32_t kTcpReserve = 321;
// The kernel's limit for a device that names none (TSO_LEGACY_MAX_SIZE).
constexpr std::uint32_t kLargestGsoSize = 65536;
// What WireGuard adds: header 16, tag 16.
constexpr std::uint32_t kSealing = 32;

const char* const kTunPath = "/dev/net/tun";

Result<Fd> open_clone_device() {
  Fd fd(::open(kTunPath, O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (fd) return fd;
  const int error = errno;
  std::string hint;
  if (error == ENOENT || error == ENODEV || error == ENXIO) {
    hint = " (the kernel's tun module is needed: modprobe tun)";
  } else if (error == EACCES || error == EPERM) {
    hint = " (it must be readable and writable: run as root)";
  }
  return errno_error(std::string("cannot open ") + kTunPath + hint, error);
}

ifreq request_for(const std::string& name) {
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  return request;
}

bool set_interface(int fd, const std::string& name, int flags) {
  ifreq request = request_for(name);
  request.ifr_flags = static_cast<short>(flags);
  return ioctl(fd, TUNSETIFF, &request) == 0;
}

Status taken(const std::string& name, const std::string& by) {
  return Error{"interface name " + name + " is taken by " + by + ": choose another name", EBUSY};
}

// What an interface of that name is, as far as that decides whether we may attach to it.
struct Existing {
  std::string kind;  // "tun", "wireguard", "veth"; empty for a physical one
  bool tap = false;
  bool packet_info = false;  // made without IFF_NO_PI
  bool multi_queue = false;
  std::uint32_t queues_in_use = 0;  // known of multi-queue devices only
};

void read_tun_attribute(const nlattr& attribute, Existing& existing) {
  switch (mnl_attr_get_type(&attribute)) {
    case IFLA_TUN_TYPE:
      existing.tap = mnl_attr_get_u8(&attribute) == IFF_TAP;
      break;
    case IFLA_TUN_PI:
      existing.packet_info = mnl_attr_get_u8(&attribute) != 0;
      break;
    case IFLA_TUN_MULTI_QUEUE:
      existing.multi_queue = mnl_attr_get_u8(&attribute) != 0;
      break;
    case IFLA_TUN_NUM_QUEUES:
      existing.queues_in_use = mnl_attr_get_u32(&attribute);
      break;
    default:
      break;
  }
}

void read_link_info(const nlattr& info, Existing& existing) {
  for_each_nested(info, [&](const nlattr& attribute) {
    if (mnl_attr_get_type(&attribute) == IFLA_INFO_KIND) {
      existing.kind = mnl_attr_get_str(&attribute);
    } else if (mnl_attr_get_type(&attribute) == IFLA_INFO_DATA && existing.kind == "tun") {
      for_each_nested(attribute, [&](const nlattr& tun) { read_tun_attribute(tun, existing); });
    }
  });
}

Result<Existing> ask_existing(const std::string& name) {
  Result<RouteSocket> socket = RouteSocket::open(0);
  if (!socket) return socket.error();
  alignas(nlmsghdr) std::array<char, 256> buffer{};
  nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = RTM_GETLINK;
  mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg));
  mnl_attr_put_strz(message, IFLA_IFNAME, name.c_str());

  Existing existing;
  const auto read = [&](const nlmsghdr& answer, std::int32_t) {
    for_each_attribute(answer, sizeof(ifinfomsg), [&](const nlattr& attribute) {
      if (mnl_attr_get_type(&attribute) == IFLA_LINKINFO) read_link_info(attribute, existing);
    });
  };
  if (Status got = socket->request(*message, "cannot ask what interface " + name + " is", read);
      !got) {
    return got.error();
  }
  return existing;
}

Status check_attachable(const std::string& name, const Existing& existing) {
  if (existing.kind != "tun") {
    return taken(name, existing.kind.empty() ? std::string("a device")
                                             : "an interface of kind " + existing.kind);
  }
  if (existing.tap) return taken(name, "a TAP device");
  // The kernel would let a second process take queues of it, and share the packets out.
  if (existing.queues_in_use > 0) return taken(name, "another process's TUN device");
  return {};
}

// Makes or attaches to `name` with the best flags that the kernel or the existing device takes.
Status attach(int fd, const std::string& name, unsigned queues, const Existing* existing) {
  const int base = IFF_TUN | IFF_NO_PI;
  const int multi = existing != nullptr ? (existing->multi_queue ? IFF_MULTI_QUEUE : 0)
                                        : (queues > 1 ? IFF_MULTI_QUEUE : 0);
  // A device that comes into being between our look and our call is somebody else's.
  const int exclusive = existing != nullptr ? 0 : IFF_TUN_EXCL;
  for (const int wished : {IFF_VNET_HDR | multi, IFF_VNET_HDR + 0, multi + 0, 0}) {
    if (set_interface(fd, name, base | wished | exclusive)) return {};
    if (errno != EINVAL) break;
  }
  const int error = errno;
  if (error == EBUSY) return taken(name, "another process's TUN device");
  if (error == EPERM) {
    return errno_error("cannot make the TUN device " + name +
                           " (it needs CAP_NET_ADMIN in this network namespace)",
                       error);
  }
  return errno_error("cannot make the TUN device " + name, error);
}

Status set_mtu(const std::string& name, std::uint32_t mtu) {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request = request_for(name);
  request.ifr_mtu = static_cast<int>(mtu);
  if (!socket || ioctl(socket.get(), SIOCSIFMTU, &request) != 0) {
    return errno_error("cannot set the MTU of " + name + " to " + std::to_string(mtu));
  }
  return {};
}

// Whether the device is in this thread's network namespace; no when that cannot be known.
bool is_here(int tun_fd) {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const Fd ours(ioctl(socket.get(), SIOCGSKNS));
  const Fd its(ioctl(tun_fd, TUNGETDEVNETNS));
  struct stat a {};
  struct stat b {};
  return ours && its && fstat(ours.get(), &a) == 0 && fstat(its.get(), &b) == 0 &&
         a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

// TUNGETIFF cannot tell: IFF_NO_PI and IFF_NOFILTER, which it reports, are one bit. A device in
// another namespace gets the benefit of the doubt.
bool has_packet_info(int tun_fd, const std::string& name) {
  if (!is_here(tun_fd)) return false;
  const Result<Existing> device = ask_existing(name);
  return device.ok() && device.value().packet_info;
}

// Asks for the most that the kernel gives. Without a virtio header there is no way to say what a
// super-packet is, so nothing is asked for.
void set_offloads(int fd, TunCapabilities& capabilities) {
  const unsigned tso = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
  if (!capabilities.vnet_header) {
    ioctl(fd, TUNSETOFFLOAD, 0);
  } else if (ioctl(fd, TUNSETOFFLOAD, tso | kTunUso4 | kTunUso6) == 0) {
    capabilities.tso4 = capabilities.tso6 = true;
    capabilities.uso4 = capabilities.uso6 = true;
  } else if (ioctl(fd, TUNSETOFFLOAD, tso) == 0) {
    capabilities.tso4 = capabilities.tso6 = true;
  } else {
    ioctl(fd, TUNSETOFFLOAD, 0);
  }
}

Status set_nonblocking(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
    return errno_error("cannot make the TUN descriptor non-blocking");
  }
  return {};
}

}  // namespace

TunIo tun_io_of(int error) {
  switch (error) {
    case EAGAIN:
      return TunIo::would_block;
    case EIO:
      return TunIo::down;
    case EBADFD:
      return TunIo::gone;
    default:
      return TunIo::failed;
  }
}

std::uint32_t gso_max_size_for_mtu(std::uint32_t mtu) {
  // Below this no TCP segment carries anything worth coalescing; IPv6 starts at 1,280 anyway.
  const std::uint32_t packet = std::clamp(mtu, kTcpHeaders * 2, kMaxUdpPayload - kSealing);
  const std::uint32_t segments = std::min(kMaxSegments, kMaxUdpPayload / (packet + kSealing));
  return std::min(segments * (packet - kTcpHeaders) + kTcpReserve, kLargestGsoSize);
}

Status check_interface_name(std::string_view name) {
  const std::string quoted = "interface name \"" + std::string(name) + "\"";
  if (name.empty()) return Error{"interface name is empty: expected one such as wg0", EINVAL};
  if (name.size() >= IFNAMSIZ) {
    return Error{
        quoted + " is too long: the kernel allows " + std::to_string(IFNAMSIZ - 1) + " characters",
        ENAMETOOLONG};
  }
  const bool reserved = name == "." || name == "..";
  const bool bad_character = std::any_of(name.begin(), name.end(), [](unsigned char c) {
    return c == '/' || c == ':' || std::isspace(c) != 0;
  });
  if (reserved || bad_character) {
    return Error{quoted + " is invalid: it must not contain '/', ':' or blanks", EINVAL};
  }
  return {};
}

KernelTunQueue::KernelTunQueue(Fd fd, bool vnet_header)
    : fd_(std::move(fd)),
      vnet_header_(vnet_header),
      buffer_(new std::uint8_t[kTunReadSize]) {}  // not initialised: touched as far as packets are

TunRead KernelTunQueue::read() {
  std::uint8_t* const packet = buffer_.get();
  std::size_t reserved = 0;
  if (!vnet_header_) {
    reserved = kVnetHeaderSize;
    std::memset(packet, 0, reserved);
  }
  while (true) {
    const ssize_t length = ::read(fd_.get(), packet + reserved, kTunReadSize - reserved);
    if (length >= 0) return {TunIo::done, {packet, static_cast<std::size_t>(length) + reserved}};
    if (errno != EINTR) return {tun_io_of(errno), {}};
  }
}

TunIo KernelTunQueue::write(std::span<const iovec> pieces) {
  std::array<iovec, IOV_MAX> rest;  // not initialised: what is used is copied
  if (!vnet_header_) {
    if (pieces.empty() || pieces.size() > rest.size() || pieces[0].iov_len < kVnetHeaderSize) {
      return TunIo::failed;
    }
    std::copy(pieces.begin(), pieces.end(), rest.begin());
    rest[0].iov_base = static_cast<std::uint8_t*>(rest[0].iov_base) + kVnetHeaderSize;
    rest[0].iov_len -= kVnetHeaderSize;
    pieces = std::span(rest).first(pieces.size());
  }
  while (true) {
    if (::writev(fd_.get(), pieces.data(), static_cast<int>(pieces.size())) >= 0) {
      return TunIo::done;
    }
    if (errno != EINTR) return tun_io_of(errno);
  }
}

Result<TunDevice> TunDevice::open(const std::string& name, unsigned queues, std::uint32_t mtu) {
  if (Status valid = check_interface_name(name); !valid) return valid.error();
  Result<Fd> fd = open_clone_device();
  if (!fd) return fd.error();

  Existing existing;
  const bool exists = if_nametoindex(name.c_str()) != 0;
  if (exists) {
    Result<Existing> asked = ask_existing(name);
    if (!asked) return asked.error();
    existing = std::move(*asked);
    if (Status free = check_attachable(name, existing); !free) return free.error();
  }
  if (Status made = attach(fd->get(), name, queues, exists ? &existing : nullptr); !made) {
    return made.error();
  }

  TunDevice device;
  if (Status adopted = device.adopt_first_queue(std::move(*fd)); !adopted) return adopted.error();
  if (!exists) {
    if (Status set = set_mtu(device.name_, mtu); !set) return set.error();
  }
  device.open_more_queues(queues);
  return device;
}

Result<TunDevice> TunDevice::from_fd(Fd fd, unsigned queues) {
  TunDevice device;
  if (Status adopted = device.adopt_first_queue(std::move(fd)); !adopted) return adopted.error();
  device.open_more_queues(queues);
  return device;
}

Status TunDevice::adopt_first_queue(Fd fd) {
  ifreq request{};
  if (ioctl(fd.get(), TUNGETIFF, &request) != 0) {
    return errno_error("descriptor " + std::to_string(fd.get()) +
                       " is no attached TUN device: expected one on which TUNSETIFF was done");
  }
  name_ = request.ifr_name;
  flags_ = request.ifr_flags;
  if ((flags_ & IFF_TUN) == 0 || has_packet_info(fd.get(), name_)) {
    return Error{
        "TUN descriptor of " + name_ + " is of the wrong kind: expected IFF_TUN with IFF_NO_PI",
        EINVAL};
  }
  if (Status set = set_nonblocking(fd.get()); !set) return set;

  capabilities_.vnet_header = (flags_ & IFF_VNET_HDR) != 0;
  capabilities_.multi_queue = (flags_ & IFF_MULTI_QUEUE) != 0;
  if (capabilities_.vnet_header) {
    int size = kVnetHeaderSize;
    if (ioctl(fd.get(), TUNSETVNETHDRSZ, &size) != 0) {
      return errno_error("cannot set the virtio header's size of " + name_);
    }
  }
  set_offloads(fd.get(), capabilities_);
  queues_.push_back(std::make_unique<KernelTunQueue>(std::move(fd), capabilities_.vnet_header));
  return {};
}

void TunDevice::open_more_queues(unsigned wanted) {
  // In another namespace the same call would make a new device there of the same name.
  if (!capabilities_.multi_queue || wanted <= 1 || !is_here(control_fd())) return;
  const int flags = IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE | (flags_ & IFF_VNET_HDR);
  while (queues_.size() < wanted) {
    Result<Fd> fd = open_clone_device();
    if (!fd || !set_interface(fd->get(), name_, flags)) return;
    queues_.push_back(std::make_unique<KernelTunQueue>(std::move(*fd), capabilities_.vnet_header));
  }
}

Status TunDevice::fit_gso_to_mtu(const std::string& current_name, std::uint32_t mtu) {
  Result<RouteSocket> socket = RouteSocket::open(0);
  if (!socket) return socket.error();
  const std::uint32_t size = gso_max_size_for_mtu(mtu);
  alignas(nlmsghdr) std::array<char, 256> buffer{};
  nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = RTM_SETLINK;
  mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg));
  mnl_attr_put_strz(message, IFLA_IFNAME, current_name.c_str());
  mnl_attr_put_u32(message, IFLA_GSO_MAX_SIZE, size);
  // Its own limit for IPv4 from Linux 6.3; ignored before.
  mnl_attr_put_u32(message, kIflaGsoIpv4MaxSize, size);
  return socket->request(*message, "cannot set gso_max_size of " + current_name);
}

}  // namespace xm
