// The receiving host of `bench receive`: an interface with the XDP program on it, an AF_XDP socket
// and a UDP socket, and one worker that receives on both, without encryption and TUN device.
//
// On host b of a lab; its NAPI thread and the worker share one processor, so that all the receiving
// there is runs where it is counted.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "agent/bench/lab.hpp"
#include "agent/bench/path_world.hpp"
#include "agent/io/udp_listeners.hpp"
#include "agent/io/xsk_socket.hpp"
#include "agent/path/worker.hpp"
#include "loader/attachment.hpp"
#include "xdpmesh/result.hpp"

namespace xm::bench {

// Counts since the receiver was made.
struct ReceiveCount {
  std::uint64_t delivered = 0;         // inner packets that reached the TUN device's place
  std::uint64_t batches = 0;           // that they came in
  std::uint64_t napi_nanoseconds = 0;  // on a processor, of the interface's NAPI thread
  std::uint64_t worker_nanoseconds = 0;
  std::uint64_t redirected = 0;  // verdicts of the XDP program
  std::uint64_t passed = 0;      // data messages that it left to the socket
  std::uint64_t dropped = 0;
};

// Where the program sends data messages.
enum class ReceiveWay : std::uint8_t {
  socket,  // all, those of an unknown receiver index included
  xdp,
};

// Thread: one, which stays in the host's network namespace and in a mount namespace of its own. It
// calls beat() several times a second, or the program takes the worker for dead.
class ReceiveLab {
 public:
  // Moves the calling thread. `cpu` is the processor for the receiving.
  [[nodiscard]] static Result<std::unique_ptr<ReceiveLab>> make(const Lab& lab, int cpu);
  ~ReceiveLab();

  [[nodiscard]] Endpoint address() const;
  [[nodiscard]] std::uint32_t receiver_index() const { return world_.session->local_index(); }

  // Data messages will come from here. The worker begins.
  [[nodiscard]] Status start(const Endpoint& from);

  [[nodiscard]] Status set_gro(bool on) const;
  void take(ReceiveWay way);
  void beat();
  [[nodiscard]] Result<ReceiveCount> count() const;

  [[nodiscard]] const AttachReport& report() const { return attachment_->report(); }

 private:
  class NoEncryption final : public AeadEngine {
   public:
    void seal(const Key& key, std::span<AeadJob> jobs) override;
    void open(const Key& key, std::span<AeadJob> jobs) override;
    [[nodiscard]] std::string description() const override { return "none"; }
  };

  explicit ReceiveLab(int cpu) : cpu_(cpu), world_(engine_) {}
  [[nodiscard]] Status open_sockets();
  [[nodiscard]] Status attach();
  [[nodiscard]] Status configure();
  [[nodiscard]] Status thread_napi();

  const int cpu_;
  NoEncryption engine_;
  KernelSyscalls syscalls_;
  PathWorld world_;
  std::unique_ptr<UdpListeners> listeners_;
  std::optional<SharedMaps> maps_;
  std::optional<Attachment> attachment_;
  std::unique_ptr<XskSocket> xsk_;
  std::unique_ptr<Worker> worker_;
  pid_t napi_thread_ = -1;
  pid_t worker_thread_ = -1;
};

}  // namespace xm::bench
