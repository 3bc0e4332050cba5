#include "loader/live_frames.hpp"

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <algorithm>

namespace xm {

Status run_on_live_frames(int program, std::uint32_t interface_index, Bytes frame,
                          std::uint32_t count) {
  xdp_md context{};
  context.data_end = static_cast<std::uint32_t>(frame.size());
  context.ingress_ifindex = interface_index;
  bpf_test_run_opts options{};
  options.sz = sizeof options;
  options.data_in = frame.data();
  options.data_size_in = static_cast<std::uint32_t>(frame.size());
  options.ctx_in = &context;
  options.ctx_size_in = sizeof context;
  options.repeat = static_cast<int>(count);
  options.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
  options.batch_size = std::min(count, kLiveFrameBatch);
  if (bpf_prog_test_run_opts(program, &options) == 0) return {};
  return errno_error("cannot give frames to an XDP program without a card (Linux 5.18 or later)");
}

}  // namespace xm
