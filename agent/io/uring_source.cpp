#include "agent/io/uring_source.hpp"

#include <poll.h>

#include <cerrno>

namespace xm {

void UringSource::arm() {
  if (armed_ || (!polls_ && !has_room())) return;
  armed_ = ring_.add(*this, [this](io_uring_sqe* request) {
    if (polls_) {
      io_uring_prep_poll_add(request, fd_, POLLIN);
    } else {
      prepare(request);
    }
  });
}

void UringSource::complete(std::int32_t result, std::uint32_t flags) {
  if ((flags & IORING_CQE_F_MORE) == 0) armed_ = false;
  if ((flags & IORING_CQE_F_BUFFER) != 0) {
    failures_ = 0;
    bring(result < 0 ? 0 : static_cast<std::uint32_t>(result), flags);
  } else if (result == -ECANCELED) {
    return;
  } else if (result < 0 && result != -ENOBUFS && result != -EINTR && !is_passing(-result)) {
    // Whoever reads it by a system call now learns what is the matter.
    polls_ = told_ = true;
    if (++failures_ == kMostFailures) polls_for_good_ = true;
  } else if (polls_) {
    told_ = true;
  }
}

}  // namespace xm
