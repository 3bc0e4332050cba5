// A worker's edges by system calls: epoll, recvmmsg, sendmmsg, read and writev.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <unordered_map>
#include <utility>

#include "agent/io/path_io.hpp"
#include "agent/io/poller.hpp"

namespace xm {

class SyscallIo final : public PathIo {
 public:
  // `tun` outlives it.
  [[nodiscard]] static Result<std::unique_ptr<SyscallIo>> create(TunQueue& tun);

  [[nodiscard]] Status watch_bell(int fd) override { return poller_.add(fd, kBell); }
  [[nodiscard]] Status watch_tun() override { return poller_.add(tun_.fd(), kTun); }
  void begin() override {}
  void end() override {}

  [[nodiscard]] TunQueue& tun() override { return tun_; }
  [[nodiscard]] DatagramSender& sender() override { return direct_sender; }
  void forget_tun() override { poller_.remove(tun_.fd()); }

  [[nodiscard]] Result<DatagramReceiver*> add(DatagramSocket& socket, Token token) override;
  void stop(Token token) override;
  void remove(Token token) override { sockets_.erase(token); }

  [[nodiscard]] std::span<const Token> wait(Duration timeout) override;
  [[nodiscard]] int failure() const override { return 0; }

 private:
  SyscallIo(TunQueue& tun, Poller poller) : tun_(tun), poller_(std::move(poller)) {}

  TunQueue& tun_;
  Poller poller_;
  std::unordered_map<Token, DatagramSocket*> sockets_;
  std::array<Token, Poller::kMaxReady> ready_{};
};

}  // namespace xm
