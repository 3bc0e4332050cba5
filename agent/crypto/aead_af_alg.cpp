// The kernel's own ChaCha20-Poly1305 through AF_ALG sockets: two system calls a packet, for
// machines whose kernel has code for their processor and whose libraries do not.
//
// A socket has one key. One is kept for each of the keys met last, so that a session pays for it
// once. Interface: Documentation/crypto/userspace-if.rst and crypto/algif_aead.c of the kernel.
#include <linux/if_alg.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "agent/crypto/aead_engines.hpp"
#include "agent/crypto/key_cache.hpp"
#include "agent/crypto/nonce.hpp"
#include "xdpmesh/fd.hpp"

namespace xm {
namespace {

constexpr std::size_t kSessions = 32;  // two each for a peer, one a direction

// What every packet tells the kernel besides its bytes: what to do, with which nonce, and that
// there is no associated data.
class Control {
 public:
  Control(std::uint32_t operation, std::uint64_t counter) {
    message_.msg_control = bytes_.data();
    message_.msg_controllen = bytes_.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message_);
    put(header, ALG_SET_OP, &operation, sizeof operation);
    header = CMSG_NXTHDR(&message_, header);
    const Nonce nonce = nonce_of(counter);
    std::array<std::uint8_t, kIvSize> iv{};
    const auto length = static_cast<std::uint32_t>(nonce.size());
    std::memcpy(iv.data(), &length, sizeof length);
    std::memcpy(iv.data() + sizeof length, nonce.data(), nonce.size());
    put(header, ALG_SET_IV, iv.data(), iv.size());
    header = CMSG_NXTHDR(&message_, header);
    const std::uint32_t associated = 0;
    put(header, ALG_SET_AEAD_ASSOCLEN, &associated, sizeof associated);
  }

  // False when the kernel did not take all of it.
  [[nodiscard]] bool send(int socket, const std::uint8_t* data, std::size_t length) {
    iovec piece{const_cast<std::uint8_t*>(data), length};
    message_.msg_iov = &piece;
    message_.msg_iovlen = 1;
    return ::sendmsg(socket, &message_, MSG_DONTWAIT) == static_cast<ssize_t>(length);
  }

 private:
  static constexpr std::size_t kIvSize = sizeof(std::uint32_t) + std::tuple_size_v<Nonce>;

  static void put(cmsghdr* header, int type, const void* data, std::size_t length) {
    header->cmsg_level = SOL_ALG;
    header->cmsg_type = type;
    header->cmsg_len = CMSG_LEN(length);
    std::memcpy(CMSG_DATA(header), data, length);
  }

  alignas(cmsghdr) std::array<std::uint8_t,
                              2 * CMSG_SPACE(sizeof(std::uint32_t)) + CMSG_SPACE(kIvSize)> bytes_{};
  msghdr message_{};
};

// The socket for the operations under `key`.
Result<Fd> open_socket(const Key& key) {
  const Fd algorithm(::socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!algorithm) return errno_error("the kernel has no AF_ALG (CONFIG_CRYPTO_USER_API_AEAD)");
  sockaddr_alg name{};
  name.salg_family = AF_ALG;
  std::memcpy(name.salg_type, "aead", sizeof "aead");
  constexpr char kName[] = "rfc7539(chacha20,poly1305)";
  std::memcpy(name.salg_name, kName, sizeof kName);
  if (::bind(algorithm.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
    return errno_error("the kernel offers no rfc7539(chacha20,poly1305) (module chacha20poly1305)");
  }
  if (::setsockopt(algorithm.get(), SOL_ALG, ALG_SET_KEY, key.expose().data(),
                   static_cast<socklen_t>(key.expose().size())) != 0 ||
      ::setsockopt(algorithm.get(), SOL_ALG, ALG_SET_AEAD_AUTHSIZE, nullptr,
                   static_cast<socklen_t>(kAeadTagSize)) != 0) {
    return errno_error("AF_ALG does not take a key of 32 bytes and a tag of 16");
  }
  // The key lives as long as the accepted socket does; the other one is not needed any more.
  Fd operations(::accept4(algorithm.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!operations) return errno_error("AF_ALG gives no socket for operations");
  return operations;
}

class AfAlgEngine final : public AeadEngine {
 public:
  void seal(const Key& key, std::span<AeadJob> jobs) override {
    for (const AeadJob& job : jobs) {
      if (run(key, ALG_OP_ENCRYPT, job, job.length + kAeadTagSize) != Outcome::done) {
        blank_sealed(job);
      }
    }
  }

  void open(const Key& key, std::span<AeadJob> jobs) override {
    for (AeadJob& job : jobs) {
      job.ok = job.length >= kAeadTagSize &&
               run(key, ALG_OP_DECRYPT, job, job.length - kAeadTagSize) == Outcome::done;
    }
  }

  [[nodiscard]] std::string description() const override { return "af-alg"; }

 private:
  enum class Outcome { done, bad_tag, failed };

  // Null where the kernel refuses: out of descriptors, or out of memory.
  [[nodiscard]] Fd* socket_for(const Key& key) {
    const Instant now = clock_.now();
    if (Fd* const known = sockets_.find(key, now); known != nullptr) return known;
    auto opened = open_socket(key);
    return opened.ok() ? &sockets_.insert(key, std::move(opened).value(), now) : nullptr;
  }

  [[nodiscard]] Outcome run(const Key& key, std::uint32_t operation, const AeadJob& job,
                            std::size_t out_length) {
    const Fd* const socket = socket_for(key);
    if (socket == nullptr) return Outcome::failed;
    const Outcome outcome = run_on(socket->get(), operation, job, out_length);
    // What a failure has left in the socket would be taken for the front of the next packet.
    if (outcome == Outcome::failed) sockets_.erase(key);
    return outcome;
  }

  // A read of nothing would not start the operation: an empty text is asked for with room for a
  // byte, which stays as it is.
  [[nodiscard]] static Outcome run_on(int socket, std::uint32_t operation, const AeadJob& job,
                                      std::size_t out_length) {
    if (!Control(operation, job.counter).send(socket, job.in, job.length)) return Outcome::failed;
    std::uint8_t nothing = 0;
    const ssize_t got = out_length == 0 ? ::recv(socket, &nothing, 1, MSG_DONTWAIT)
                                        : ::recv(socket, job.out, out_length, MSG_DONTWAIT);
    if (got == static_cast<ssize_t>(out_length)) return Outcome::done;
    return got < 0 && errno == EBADMSG ? Outcome::bad_tag : Outcome::failed;
  }

  SystemClock clock_;
  KeyCache<Fd, kSessions> sockets_;
};

}  // namespace

Result<std::unique_ptr<AeadEngine>> make_af_alg_engine() {
  if (const auto trial = open_socket(Key{}); !trial.ok()) return trial.error();
  return std::unique_ptr<AeadEngine>(std::make_unique<AfAlgEngine>());
}

}  // namespace xm
