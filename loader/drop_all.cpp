#include "loader/drop_all.hpp"

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <array>
#include <atomic>

namespace xm {
namespace {

constexpr std::uint8_t kLoadImmediate = BPF_DW;  // BPF_LD and BPF_IMM, the rest of it, are zero

constexpr bpf_insn instruction(std::uint8_t code, std::uint8_t destination, std::uint8_t source,
                               std::int32_t immediate) {
  return {.code = code,
          .dst_reg = static_cast<std::uint8_t>(destination & 0xfU),
          .src_reg = static_cast<std::uint8_t>(source & 0xfU),
          .off = 0,
          .imm = immediate};
}

// *(u64 *)count += 1, atomically; return XDP_DROP.
Fd load_program(int count) {
  const std::array instructions{
      instruction(kLoadImmediate, BPF_REG_1, BPF_PSEUDO_MAP_VALUE, count),
      instruction(0, 0, 0, 0),  // the second half: the offset into the value
      instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 1),
      instruction(BPF_STX | BPF_ATOMIC | BPF_DW, BPF_REG_1, BPF_REG_2, BPF_ADD),
      instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, XDP_DROP),
      instruction(BPF_JMP | BPF_EXIT, 0, 0, 0)};
  bpf_prog_load_opts options{};
  options.sz = sizeof options;
  options.expected_attach_type = BPF_XDP;  // a link takes only what is of its program's kind
  return Fd(bpf_prog_load(BPF_PROG_TYPE_XDP, "drop_all", "MIT", instructions.data(),
                          instructions.size(), &options));
}

Status update(std::uint32_t link_id, int program) {
  const Fd link(bpf_link_get_fd_by_id(link_id));
  if (!link) return errno_error("cannot open BPF link " + std::to_string(link_id));
  if (bpf_link_update(link.get(), program, nullptr) == 0) return {};
  return errno_error("cannot change the program of BPF link " + std::to_string(link_id));
}

}  // namespace

Result<DropAll> DropAll::load() {
  bpf_map_create_opts options{};
  options.sz = sizeof options;
  options.map_flags = BPF_F_MMAPABLE;
  const Fd map(bpf_map_create(BPF_MAP_TYPE_ARRAY, "dropped", sizeof(std::uint32_t),
                              sizeof(std::uint64_t), 1, &options));
  if (!map) return errno_error("cannot make a map for a program that drops all");
  auto count = MapMemory<std::uint64_t>::map(map.get(), 1, "the count of a program that drops all");
  if (!count) return count.error();
  Fd program = load_program(map.get());
  if (!program) return errno_error("cannot load a program that drops all");
  return DropAll(std::move(program), std::move(*count));
}

Status DropAll::take_place(std::uint32_t link_id) const {
  return update(link_id, program_.get());
}

Status DropAll::give_back(std::uint32_t link_id, int program) {
  return update(link_id, program);
}

std::uint64_t DropAll::dropped() const {
  return std::atomic_ref(count_.values().front()).load(std::memory_order_relaxed);
}

}  // namespace xm
