#include "agent/io/syscall_io.hpp"

namespace xm {

Result<std::unique_ptr<SyscallIo>> SyscallIo::create(TunQueue& tun) {
  auto poller = Poller::create();
  if (!poller) return poller.error();
  return std::unique_ptr<SyscallIo>(new SyscallIo(tun, std::move(*poller)));
}

Result<DatagramReceiver*> SyscallIo::add(DatagramSocket& socket, Token token) {
  if (Status added = poller_.add(socket.fd(), token); !added) return added.error();
  sockets_.emplace(token, &socket);
  return static_cast<DatagramReceiver*>(&socket);
}

void SyscallIo::stop(Token token) {
  if (const auto found = sockets_.find(token); found != sockets_.end()) {
    poller_.remove(found->second->fd());
  }
}

std::span<const PathIo::Token> SyscallIo::wait(Duration timeout) {
  const std::span<const Poller::Ready> ready = poller_.wait(timeout);
  for (std::size_t i = 0; i < ready.size(); ++i) ready_[i] = ready[i].token;
  return std::span(ready_).first(ready.size());
}

}  // namespace xm
