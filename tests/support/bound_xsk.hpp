// An AF_XDP socket that is bound to a receive queue and that nobody reads: a map of sockets takes
// no other.
#pragma once

#include <linux/if_xdp.h>
#include <net/if.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "xdpmesh/fd.hpp"
#include "xdpmesh/result.hpp"

namespace xm::test {

class BoundXsk {
 public:
  // Of an interface in the calling thread's namespace.
  [[nodiscard]] static Result<BoundXsk> open(const std::string& interface, std::uint32_t queue) {
    BoundXsk xsk;
    xsk.socket_ = Fd(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
    if (!xsk.socket_) return errno_error("socket(AF_XDP)");
    void* memory = mmap(nullptr, kFrames * kFrameSize, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return errno_error("mmap");
    xsk.memory_.reset(memory);
    xdp_umem_reg umem{};
    umem.addr = reinterpret_cast<std::uintptr_t>(memory);
    umem.len = kFrames * kFrameSize;
    umem.chunk_size = kFrameSize;
    if (!xsk.set(XDP_UMEM_REG, umem)) return errno_error("XDP_UMEM_REG");
    for (const int ring : {XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING}) {
      if (!xsk.set(ring, std::uint32_t{kFrames})) return errno_error("setting up a ring");
    }
    sockaddr_xdp address{};
    address.sxdp_family = AF_XDP;
    address.sxdp_flags = XDP_COPY;
    address.sxdp_ifindex = if_nametoindex(interface.c_str());
    address.sxdp_queue_id = queue;
    if (bind(xsk.socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      return errno_error("bind(AF_XDP)");
    }
    return xsk;
  }

  [[nodiscard]] int descriptor() const { return socket_.get(); }

 private:
  static constexpr std::size_t kFrames = 4;
  static constexpr std::size_t kFrameSize = 4096;
  struct Unmap {
    void operator()(void* memory) const { munmap(memory, kFrames * kFrameSize); }
  };

  BoundXsk() = default;

  template <typename Value>
  bool set(int option, const Value& value) {
    return setsockopt(socket_.get(), SOL_XDP, option, &value, sizeof value) == 0;
  }

  std::unique_ptr<void, Unmap> memory_;
  Fd socket_;  // closed before its memory goes
};

}  // namespace xm::test
