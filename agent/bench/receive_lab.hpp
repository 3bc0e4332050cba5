// The receiving host of `bench receive`: an interface with the XDP program on it, an AF_XDP socket
// and a UDP socket, one worker that receives on both, without encryption and TUN device, and a
// thread for the handshake messages that it finds.
//
// On host b of a lab; its NAPI thread and these two share one processor, so that all the receiving
// there is runs where it is counted.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/bench/frame_feeder.hpp"
#include "agent/bench/handshake_sink.hpp"
#include "agent/bench/lab.hpp"
#include "agent/bench/path_world.hpp"
#include "agent/ctl/bench_parts_options.hpp"
#include "agent/io/udp_listeners.hpp"
#include "agent/io/xsk_socket.hpp"
#include "agent/path/worker.hpp"
#include "loader/attachment.hpp"
#include "loader/drop_all.hpp"
#include "xdpmesh/result.hpp"

namespace xm::bench {

// Counts since the receiver was made.
struct ReceiveCount {
  std::uint64_t delivered = 0;           // inner packets that reached the TUN device's place
  std::uint64_t batches = 0;             // that they came in
  std::uint64_t napi_nanoseconds = 0;    // of the interface's NAPI thread, or who stands for it
  std::uint64_t worker_nanoseconds = 0;  // with the thread for handshake messages
  std::uint64_t redirected = 0;          // verdicts of the XDP program
  std::uint64_t passed = 0;              // messages of either kind that it left to the socket
  std::uint64_t dropped = 0;
};

// What the program does with messages.
enum class ReceiveWay : std::uint8_t {
  socket,  // leaves all to it, the worthless ones too
  xdp,     // what the agent's does
  floor,   // another program drops all: what comes before any program
};

// Thread: one, which stays in the host's network namespace and in a mount namespace of its own. It
// calls beat() several times a second, or the program takes the worker for dead.
class ReceiveLab {
 public:
  // Moves the calling thread. `cpu` is the processor for the receiving.
  [[nodiscard]] static Result<std::unique_ptr<ReceiveLab>> make(const Lab& lab, int cpu,
                                                                const ReceiveBenchOptions& options);
  ~ReceiveLab();

  [[nodiscard]] Endpoint address() const;
  [[nodiscard]] std::uint32_t receiver_index() const { return world_.session->local_index(); }

  // Data messages will come from here. The worker begins.
  [[nodiscard]] Status start(const Endpoint& from);

  [[nodiscard]] Status set_gro(bool on) const;
  [[nodiscard]] Status take(ReceiveWay way);
  // From now on `message` comes in so often a second as if from a card's driver, for a program that
  // does what `way` says; until stop_feeding(). count() begins anew with either.
  [[nodiscard]] Status feed(ReceiveWay way, Bytes message, std::uint64_t rate);
  void stop_feeding() { feeder_.reset(); }
  [[nodiscard]] std::uint64_t fed() const { return feeder_ ? feeder_->given() : 0; }
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

  ReceiveLab(int cpu, const ReceiveBenchOptions& options)
      : cpu_(cpu), options_(options), world_(engine_) {}
  [[nodiscard]] Status open_sockets();
  [[nodiscard]] Status attach();
  [[nodiscard]] Status configure();
  [[nodiscard]] Status thread_napi();
  [[nodiscard]] Status moderate() const;
  [[nodiscard]] Status start_threads();
  [[nodiscard]] Status swap_program(bool floor);
  [[nodiscard]] std::optional<std::uint64_t> thread_time() const;

  const int cpu_;
  const ReceiveBenchOptions& options_;
  NoEncryption engine_;
  KernelSyscalls syscalls_;
  SystemClock clock_;
  PathWorld world_;
  std::unique_ptr<UdpListeners> listeners_;
  std::optional<SharedMaps> maps_;
  std::optional<Attachment> attachment_;
  std::optional<DropAll> drop_all_;
  bool at_floor_ = false;
  std::unique_ptr<XskSocket> xsk_;
  std::unique_ptr<HandshakeSink> handshakes_;  // outlives the worker, which rings it
  std::unique_ptr<Worker> worker_;
  std::unique_ptr<FrameFeeder> feeder_;
  pid_t napi_thread_ = -1;
  std::vector<pid_t> threads_;  // the worker's and that for handshakes
};

}  // namespace xm::bench
