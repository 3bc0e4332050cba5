// An XDP program that drops every packet and counts it: the least that a packet can cost, which the
// bench prints beside what ours take.
#pragma once

#include <cstdint>
#include <utility>

#include "loader/map_memory.hpp"
#include "xdpmesh/fd.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// Thread: one at a time.
class DropAll {
 public:
  // Needs CAP_BPF and CAP_NET_ADMIN.
  [[nodiscard]] static Result<DropAll> load();

  // Puts it in the place of the program that the BPF link `link_id` holds on an interface, which is
  // an XDP one; give_back() puts `program` there. Needs CAP_SYS_ADMIN.
  [[nodiscard]] Status take_place(std::uint32_t link_id) const;
  [[nodiscard]] static Status give_back(std::uint32_t link_id, int program);

  [[nodiscard]] int program_fd() const { return program_.get(); }

  // Packets so far.
  [[nodiscard]] std::uint64_t dropped() const;

 private:
  DropAll(Fd program, MapMemory<std::uint64_t> count)
      : program_(std::move(program)), count_(std::move(count)) {}

  Fd program_;
  MapMemory<std::uint64_t> count_;
};

}  // namespace xm
