#include "agent/io/xsk_setup.hpp"

#include <net/if.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include "agent/wire/outer.hpp"

namespace xm {
namespace {

constexpr std::uint32_t kSmallChunk = 2048;
constexpr std::uint32_t kLargeChunk = 4096;
// Nothing is sent, but the kernel binds no socket without it.
constexpr std::uint32_t kCompletionRing = 2;
constexpr Duration kBindPause = 5ms;

std::string name_of(const XskOptions& options) {
  std::array<char, IF_NAMESIZE> name{};
  const bool has_name = if_indextoname(options.interface_index, name.data()) != nullptr;
  return "receive queue " + std::to_string(options.queue) + " of " +
         (has_name ? std::string(name.data())
                   : "interface " + std::to_string(options.interface_index));
}

Status check(const XskOptions& options) {
  if (options.chunk_size != kSmallChunk && options.chunk_size != kLargeChunk) {
    return Error{"expected a UMEM chunk size of 2048 or 4096, got " +
                 std::to_string(options.chunk_size)};
  }
  if (options.chunks < kFewestChunks) {
    return Error{"expected at least " + std::to_string(kFewestChunks) + " UMEM chunks, got " +
                 std::to_string(options.chunks)};
  }
  for (const std::uint32_t ring : {options.receive_ring, options.fill_ring}) {
    if (!std::has_single_bit(ring)) {
      return Error{"expected an AF_XDP ring of a power of two entries, got " +
                   std::to_string(ring)};
    }
  }
  return {};
}

template <typename Value>
Status set_option(int fd, int level, int name, const Value& value, const std::string& what) {
  if (setsockopt(fd, level, name, &value, sizeof value) != 0) return errno_error(what);
  return {};
}

// Registers `size` bytes of the memory as chunks.
int register_umem(int fd, const Umem& umem, std::uint32_t chunk_size) {
  xdp_umem_reg registration;
  // Newer kernels have a field where this struct has padding.
  std::memset(&registration, 0, sizeof registration);
  registration.addr = reinterpret_cast<std::uintptr_t>(umem.bytes().data());
  registration.len = umem.bytes().size();
  registration.chunk_size = chunk_size;
  return setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &registration, sizeof registration);
}

std::string memory_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_MEMLOCK, &limit);
  return "the limit on locked memory, " + std::to_string(limit.rlim_cur / 1024) + " KiB,";
}

// As much memory as the limit on locked memory allows for, halved until it does; ENOBUFS is the
// kernel's word for that (net/xdp/xdp_umem.c, xdp_umem_account_pages).
Result<Umem> register_what_fits(int fd, XskOptions& options, std::string& note) {
  const std::uint32_t wanted = options.chunks;
  for (;; options.chunks = std::max(options.chunks / 2, kFewestChunks)) {
    Result<Umem> umem = Umem::create(std::size_t{options.chunks} * options.chunk_size);
    if (!umem) return umem;
    if (register_umem(fd, *umem, options.chunk_size) == 0) {
      if (options.chunks < wanted) {
        note = memory_limit() + " allows for " + std::to_string(options.chunks) + " of " +
               std::to_string(wanted) + " UMEM chunks";
      }
      return umem;
    }
    const int error = errno;
    const std::string size = std::to_string(umem->bytes().size() / 1024) + " KiB";
    if (error != ENOBUFS) {
      return errno_error("cannot register a UMEM of " + size + " with an AF_XDP socket", error);
    }
    if (options.chunks == kFewestChunks) {
      return Error{memory_limit() + " does not allow for a UMEM of " + size +
                       ": raise it (ulimit -l, LimitMEMLOCK=) or grant CAP_IPC_LOCK",
                   error};
    }
  }
}

Status size_rings(int fd, const XskOptions& options) {
  const std::array<std::pair<int, std::uint32_t>, 3> rings{
      {{XDP_UMEM_FILL_RING, options.fill_ring},
       {XDP_UMEM_COMPLETION_RING, kCompletionRing},
       {XDP_RX_RING, options.receive_ring}}};
  for (const auto& [name, size] : rings) {
    Status set = set_option(fd, SOL_XDP, name, size,
                            "cannot make an AF_XDP ring of " + std::to_string(size));
    if (!set) return set;
  }
  return {};
}

template <typename Entry>
Status map_ring(int fd, const xdp_ring_offset& offsets, off_t page, std::uint32_t size,
                Mapping& mapping, XskRingMemory<Entry>& ring) {
  const std::size_t bytes = offsets.desc + size * sizeof(Entry);
  mapping = Mapping(
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, page), bytes);
  if (!mapping) return errno_error("cannot map a ring of an AF_XDP socket");
  std::uint8_t* const memory = mapping.data();
  ring.producer = reinterpret_cast<std::uint32_t*>(memory + offsets.producer);
  ring.consumer = reinterpret_cast<std::uint32_t*>(memory + offsets.consumer);
  ring.flags = reinterpret_cast<std::uint32_t*>(memory + offsets.flags);
  ring.entries = reinterpret_cast<Entry*>(memory + offsets.desc);
  ring.size = size;
  return {};
}

Status map_rings(XskParts& parts) {
  xdp_mmap_offsets offsets{};
  socklen_t length = sizeof offsets;
  if (getsockopt(parts.fd.get(), SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &length) != 0) {
    return errno_error("cannot learn where the rings of an AF_XDP socket are");
  }
  if (length != sizeof offsets) {
    return Error{"this kernel's AF_XDP rings have no flags: expected Linux 5.4 or later"};
  }
  const int fd = parts.fd.get();
  Status mapped = map_ring(fd, offsets.fr, static_cast<off_t>(XDP_UMEM_PGOFF_FILL_RING),
                           parts.options.fill_ring, parts.fill_memory, parts.fill);
  if (!mapped) return mapped;
  return map_ring(fd, offsets.rx, XDP_PGOFF_RX_RING, parts.options.receive_ring,
                  parts.receive_memory, parts.received);
}

Status set_busy_poll(int fd, const XskOptions& options) {
  if (options.busy_poll == 0) return {};
  const int microseconds = static_cast<int>(options.busy_poll);
  const int budget = options.busy_poll_budget;
  const std::string what = "cannot busy-poll an AF_XDP socket (expected Linux 5.11 or later)";
  Status set = set_option(fd, SOL_SOCKET, SO_PREFER_BUSY_POLL, 1, what);
  if (set) set = set_option(fd, SOL_SOCKET, SO_BUSY_POLL, microseconds, what);
  if (set) set = set_option(fd, SOL_SOCKET, SO_BUSY_POLL_BUDGET, budget, what);
  return set;
}

int bind_patiently(int fd, const sockaddr_xdp& address, Duration patience) {
  for (Duration waited{};; waited += kBindPause) {
    if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return 0;
    if (errno != EBUSY || waited >= patience) return errno;
    std::this_thread::sleep_for(kBindPause);
  }
}

// Zero-copy is asked for first: left to choose, the kernel falls back to copies without a word.
int bind_with(XskParts& parts, sockaddr_xdp address) {
  const int fd = parts.fd.get();
  const Duration patience = parts.options.bind_patience;
  if (parts.options.zero_copy == ZeroCopy::automatic) {
    sockaddr_xdp zero_copy = address;
    zero_copy.sxdp_flags |= XDP_ZEROCOPY;
    const int error = bind_patiently(fd, zero_copy, patience);
    if (error == 0) return 0;
    parts.copy_reason = errno_error("zero-copy is refused", error).what;
    // Taken, or so the driver says about its own resources: a copy shows which.
    if (error == EBUSY) return bind_patiently(fd, address, Duration{});
  }
  return bind_patiently(fd, address, patience);
}

Error bind_error(const XskOptions& options, int error) {
  const std::string what = "cannot bind an AF_XDP socket to " + name_of(options);
  switch (error) {
    case EBUSY:
      return errno_error(what + ": another socket has it", error);
    case EINVAL:
      return errno_error(what + ": there is no such queue, or the driver refuses", error);
    case EOPNOTSUPP:
      return errno_error(what + ": the driver has no zero-copy", error);
    default:
      return errno_error(what, error);
  }
}

}  // namespace

std::uint32_t chunk_size_for(std::uint32_t mtu) {
  return longest_frame(mtu) <= largest_frame_of(kSmallChunk) ? kSmallChunk : kLargeChunk;
}

Result<XskParts> make_xsk(const XskOptions& wanted) {
  XskOptions options = wanted;
  if (options.chunk_size == 0) options.chunk_size = chunk_size_for(options.mtu);
  const std::uint32_t room_for_all = std::bit_ceil(options.chunks);
  if (options.receive_ring == 0) options.receive_ring = room_for_all;
  if (options.fill_ring == 0) options.fill_ring = room_for_all;
  if (Status good = check(options); !good) return good.error();

  Fd fd(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!fd) return errno_error("cannot make an AF_XDP socket (it needs CAP_NET_RAW)");
  std::string note;
  Result<Umem> umem = register_what_fits(fd.get(), options, note);
  if (!umem) return umem.error();
  XskParts parts{options, std::move(note), false, {}, std::move(*umem), {}, {}, {},
                 {},      std::move(fd)};
  Status done = size_rings(parts.fd.get(), options);
  if (done) done = map_rings(parts);
  if (done) done = set_busy_poll(parts.fd.get(), options);
  if (!done) return done.error();
  return parts;
}

Status bind_xsk(XskParts& parts) {
  sockaddr_xdp address{};
  address.sxdp_family = AF_XDP;
  address.sxdp_ifindex = parts.options.interface_index;
  address.sxdp_queue_id = parts.options.queue;
  address.sxdp_flags = XDP_USE_NEED_WAKEUP;
  if (parts.options.zero_copy == ZeroCopy::off) address.sxdp_flags |= XDP_COPY;
  if (parts.options.zero_copy == ZeroCopy::required) address.sxdp_flags |= XDP_ZEROCOPY;
  if (const int error = bind_with(parts, address); error != 0) {
    return bind_error(parts.options, error);
  }
  xdp_options got{};
  socklen_t length = sizeof got;
  if (getsockopt(parts.fd.get(), SOL_XDP, XDP_OPTIONS, &got, &length) != 0) {
    return errno_error("cannot learn how an AF_XDP socket was bound");
  }
  parts.is_zero_copy = (got.flags & XDP_OPTIONS_ZEROCOPY) != 0;
  return {};
}

}  // namespace xm
