// The XDP program, opened and loaded into the kernel; unloaded when the object goes.
//
// Ownership: the object owns the program's and its maps' descriptors. Thread: any one at a time.
#pragma once

#include <array>
#include <memory>

#include "xdpmesh/abi.h"
#include "xdpmesh/result.hpp"

struct steer;  // the generated skeleton

namespace xm {

class XdpProgram {
 public:
  // Packets and bytes by xm_verdict, summed over all processors.
  using Verdicts = std::array<xm_stat, XM_VERDICT_COUNT>;

  // Opens the object that is linked in and passes it through the kernel's verifier. Needs CAP_BPF
  // and CAP_NET_ADMIN (or CAP_SYS_ADMIN); the error says so when they are missing.
  [[nodiscard]] static Result<XdpProgram> load();

  // Borrowed: valid as long as this object.
  [[nodiscard]] int program_fd() const;

  [[nodiscard]] Result<Verdicts> verdicts() const;

 private:
  struct Destroy {
    void operator()(steer* skeleton) const;
  };
  explicit XdpProgram(std::unique_ptr<steer, Destroy> skeleton);

  std::unique_ptr<steer, Destroy> skeleton_;
};

}  // namespace xm
