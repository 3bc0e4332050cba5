#include "loader/xdp_program.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <cstdarg>
#include <utility>
#include <vector>

#include "steer.skel.h"

namespace xm {
namespace {

// libbpf explains a failed load on stderr, over many lines. The Error says it in one.
int quiet(enum libbpf_print_level, const char*, std::va_list) {
  return 0;
}

}  // namespace

Result<XdpProgram> XdpProgram::load() {
  libbpf_set_print(quiet);
  std::unique_ptr<steer, Destroy> skeleton(steer__open());
  if (!skeleton) return errno_error("the XDP object built into this binary does not open");
  if (const int status = steer__load(skeleton.get()); status != 0) {
    const char* advice = status == -EPERM ? " (loading needs CAP_BPF and CAP_NET_ADMIN)" : "";
    return errno_error(std::string("the kernel refused the XDP program") + advice, -status);
  }
  return XdpProgram(std::move(skeleton));
}

XdpProgram::XdpProgram(std::unique_ptr<steer, Destroy> skeleton) : skeleton_(std::move(skeleton)) {}

int XdpProgram::program_fd() const {
  return bpf_program__fd(skeleton_->progs.xm_steer);
}

Result<XdpProgram::Verdicts> XdpProgram::verdicts() const {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus < 0) return errno_error("the number of possible processors is unknown", -cpus);
  const int map = bpf_map__fd(skeleton_->maps.xm_stats);
  Verdicts sums{};
  std::vector<xm_stat> per_cpu(static_cast<std::size_t>(cpus));
  for (std::uint32_t verdict = 0; verdict < sums.size(); ++verdict) {
    if (bpf_map_lookup_elem(map, &verdict, per_cpu.data()) != 0) {
      return errno_error("reading the map xm_stats");
    }
    for (const xm_stat& stat : per_cpu) {
      sums[verdict].packets += stat.packets;
      sums[verdict].bytes += stat.bytes;
    }
  }
  return sums;
}

void XdpProgram::Destroy::operator()(steer* skeleton) const {
  steer__destroy(skeleton);
}

}  // namespace xm
