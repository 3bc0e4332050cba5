#include "agent/io/uring.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

namespace xm {
namespace {

// How long the kernel's thread polls for requests before it sleeps.
constexpr unsigned kKernelThreadIdleMilliseconds = 50;

std::string why_refused(int error) {
  switch (error) {
    case ENOSYS:
      return " (this kernel was built without it)";
    case EPERM:
    case EACCES:
      return " (not allowed here: see the sysctl kernel.io_uring_disabled and seccomp filters)";
    case EINVAL:
      return " (this kernel's is too old: expected Linux 6.0 or later)";
    case ENOMEM:
      return " (raise the limit on locked memory, ulimit -l)";
    default:
      return {};
  }
}

// What leaves the ring as it was: nothing was lost, and asking again goes on.
bool is_passing(int error) {
  return error == EINTR || error == ETIME || error == EAGAIN || error == EBUSY;
}

}  // namespace

Result<std::unique_ptr<Uring>> Uring::create(const UringOptions& options) {
  std::unique_ptr<Uring> made(new Uring);
  if (Status done = made->set_up(options); !done) return done.error();
  if (Status done = made->check_features(); !done) return done.error();
  return made;
}

// Disabled at first: the thread that enables it is the only one it serves (SINGLE_ISSUER),
// whichever thread makes it. What completes is handed over when that thread enters the kernel and
// not by interrupting it: DEFER_TASKRUN from Linux 6.1, COOP_TASKRUN before.
Status Uring::set_up(const UringOptions& options) {
  constexpr unsigned kAlways = IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER |
                               IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE;
  constexpr unsigned kDefer = IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
  constexpr unsigned kCooperate = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
  const std::array<unsigned, 2> wishes{kDefer, kCooperate};
  int error = 0;
  for (const unsigned wish : wishes) {
    io_uring_params parameters{};
    parameters.flags = kAlways | (options.kernel_thread ? IORING_SETUP_SQPOLL + 0U : wish);
    parameters.cq_entries = options.completions;
    parameters.sq_thread_idle = kKernelThreadIdleMilliseconds;
    error = -io_uring_queue_init_params(options.requests, &ring_, &parameters);
    if (error == 0) {
      is_set_up_ = true;
      return {};
    }
    if (error != EINVAL) break;
  }
  return errno_error("cannot make an io_uring" + why_refused(error), error);
}

// Multishot recvmsg is no operation of its own: it came with SEND_ZC, in Linux 6.0.
Status Uring::check_features() {
  io_uring_probe* const probe = io_uring_get_probe_ring(&ring_);
  if (probe == nullptr) return errno_error("cannot ask what this io_uring can", EOPNOTSUPP);
  const bool has_receive_multishot = io_uring_opcode_supported(probe, IORING_OP_SEND_ZC) != 0;
  has_read_multishot_ = io_uring_opcode_supported(probe, kOpReadMultishot) != 0;
  io_uring_free_probe(probe);
  if (has_receive_multishot) return {};
  return errno_error("this io_uring cannot receive" + why_refused(EINVAL), EINVAL);
}

Uring::~Uring() {
  close();
}

void Uring::close() {
  if (!is_set_up_) return;
  is_set_up_ = is_descriptor_registered_ = false;  // which goes with the ring
  io_uring_queue_exit(&ring_);
}

void Uring::enable() {
  const int error = -io_uring_register(static_cast<unsigned>(ring_.ring_fd),
                                       IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
  if (error > 0) return take_result(-error);
  // Spares every entry the look-up of the descriptor; where it cannot be had nothing is lost.
  is_descriptor_registered_ = io_uring_register_ring_fd(&ring_) == 1;
}

void Uring::disable() {
  if (is_descriptor_registered_) (void)io_uring_unregister_ring_fd(&ring_);
}

io_uring_sqe* Uring::next_request() {
  if (failure() != 0) return nullptr;
  io_uring_sqe* request = io_uring_get_sqe(&ring_);
  if (request == nullptr) {
    reserve(1);
    request = io_uring_get_sqe(&ring_);
  }
  return request;
}

void Uring::reserve(unsigned count) {
  if (failure() != 0) return;
  count = std::min(count, *ring_.sq.kring_entries);
  while (failure() == 0 && io_uring_sq_space_left(&ring_) < count) {
    take_result(io_uring_submit(&ring_));
    // A kernel thread takes them in its own time.
    if (has_kernel_thread()) (void)__io_uring_sqring_wait(&ring_);
  }
}

void Uring::turn(unsigned wanted, Duration timeout) {
  if (failure() != 0) return;
  ++turns_;
  if (wanted > 0 || !has_nothing_to_enter_for()) take_result(enter(wanted, timeout));
  complete_all();
}

bool Uring::has_nothing_to_enter_for() const {
  constexpr unsigned kNews = IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW | IORING_SQ_NEED_WAKEUP;
  return io_uring_sq_ready(&ring_) == 0 &&
         (io_uring_smp_load_acquire(ring_.sq.kflags) & kNews) == 0;
}

int Uring::enter(unsigned wanted, Duration timeout) {
  if (wanted == 0) return io_uring_submit_and_get_events(&ring_);
  if (timeout < 0ns) return io_uring_submit_and_wait(&ring_, wanted);
  __kernel_timespec limit{.tv_sec = timeout / 1s, .tv_nsec = (timeout % 1s).count()};
  io_uring_cqe* first = nullptr;
  return io_uring_submit_and_wait_timeout(&ring_, &first, wanted, &limit, nullptr);
}

void Uring::take_result(int result) {
  if (result < 0 && !is_passing(-result)) failure_.store(-result, std::memory_order_relaxed);
}

void Uring::complete_all() {
  if (failure() != 0) return;  // what is left there may be about operations that are gone
  unsigned head = *ring_.cq.khead;
  while (head != io_uring_smp_load_acquire(ring_.cq.ktail)) {
    const io_uring_cqe completion = ring_.cq.cqes[head & *ring_.cq.kring_mask];
    io_uring_smp_store_release(ring_.cq.khead, ++head);
    reinterpret_cast<UringOperation*>(completion.user_data)
        ->complete(completion.res, completion.flags);
  }
}

void UringBatch::start(unsigned count) {
  ring_.reserve(count);
  count_ = running_ = 0;
}

void UringBatch::run() {
  ring_.turn(0);
  while (running_ > 0 && ring_.failure() == 0) ring_.turn(1);
}

}  // namespace xm
