// The smallest XDP program that feeds AF_XDP sockets: frames to a unicast MAC go to the socket of
// their receive queue, all else, and what has no socket, passes. Written as instructions, so that a
// test of agent/io needs neither a compiler for BPF nor the loader.
#pragma once

#include <linux/bpf.h>
#include <linux/if_link.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "xdpmesh/fd.hpp"

namespace xm::test {

class RedirectProgram {
 public:
  enum class Mode { native, generic };

  // Nothing, and errno, when the kernel refuses. Detaches when it goes.
  static std::optional<RedirectProgram> attach(std::uint32_t interface_index, Mode mode) {
    RedirectProgram made;
    made.map_ = make_map();
    if (!made.map_) return std::nullopt;
    made.program_ = load(made.map_.get());
    if (!made.program_) return std::nullopt;
    bpf_attr attributes{};
    attributes.link_create.prog_fd = static_cast<std::uint32_t>(made.program_.get());
    attributes.link_create.target_ifindex = interface_index;
    attributes.link_create.attach_type = BPF_XDP;
    attributes.link_create.flags = mode == Mode::native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
    made.link_ = Fd(call(BPF_LINK_CREATE, attributes));
    if (!made.link_) return std::nullopt;
    return made;
  }

  [[nodiscard]] bool set_socket(std::uint32_t queue, int socket) {
    bpf_attr attributes{};
    attributes.map_fd = static_cast<std::uint32_t>(map_.get());
    attributes.key = reinterpret_cast<std::uintptr_t>(&queue);
    attributes.value = reinterpret_cast<std::uintptr_t>(&socket);
    return call(BPF_MAP_UPDATE_ELEM, attributes) == 0;
  }

 private:
  RedirectProgram() = default;

  static int call(int command, bpf_attr& attributes) {
    return static_cast<int>(syscall(SYS_bpf, command, &attributes, sizeof attributes));
  }
  static Fd make_map() {
    bpf_attr attributes{};
    attributes.map_type = BPF_MAP_TYPE_XSKMAP;
    attributes.key_size = attributes.value_size = sizeof(std::uint32_t);
    attributes.max_entries = 16;
    return Fd(call(BPF_MAP_CREATE, attributes));
  }

  static Fd load(int map) {
    const auto insn = [](unsigned code, unsigned to, unsigned from, int offset, int value) {
      bpf_insn made{};
      made.code = static_cast<std::uint8_t>(code);
      made.dst_reg = static_cast<std::uint8_t>(to & 0xf);
      made.src_reg = static_cast<std::uint8_t>(from & 0xf);
      made.off = static_cast<std::int16_t>(offset);
      made.imm = value;
      return made;
    };
    constexpr unsigned kLoad = BPF_LDX | BPF_MEM;
    constexpr unsigned kMove = BPF_ALU64 | BPF_MOV;
    const std::array<bpf_insn, 16> program{
        insn(kLoad | BPF_W, 2, 1, offsetof(xdp_md, data), 0),
        insn(kLoad | BPF_W, 3, 1, offsetof(xdp_md, data_end), 0),
        insn(kMove | BPF_X, 4, 2, 0, 0),
        insn(BPF_ALU64 | BPF_ADD | BPF_K, 4, 0, 0, 14),
        insn(BPF_JMP | BPF_JGT | BPF_X, 4, 3, 9, 0),  // no whole header: pass
        insn(kLoad | BPF_B, 5, 2, 0, 0),
        insn(BPF_ALU64 | BPF_AND | BPF_K, 5, 0, 0, 1),
        insn(BPF_JMP | BPF_JNE | BPF_K, 5, 0, 6, 0),  // multicast: pass
        insn(kLoad | BPF_W, 2, 1, offsetof(xdp_md, rx_queue_index), 0),
        insn(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map),
        insn(0, 0, 0, 0, 0),
        insn(kMove | BPF_K, 3, 0, 0, XDP_PASS),
        insn(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect_map),
        insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
        insn(kMove | BPF_K, 0, 0, 0, XDP_PASS),
        insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
    };
    bpf_attr attributes{};
    attributes.prog_type = BPF_PROG_TYPE_XDP;
    attributes.insns = reinterpret_cast<std::uintptr_t>(program.data());
    attributes.insn_cnt = program.size();
    attributes.license = reinterpret_cast<std::uintptr_t>("MIT");
    attributes.expected_attach_type = BPF_XDP;
    return Fd(call(BPF_PROG_LOAD, attributes));
  }

  Fd map_;
  Fd program_;
  Fd link_;
};

}  // namespace xm::test
