// The memory that an AF_XDP socket receives into.
#pragma once

#include <cstddef>

#include "agent/io/mapping.hpp"
#include "xdpmesh/bytes.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// Page-aligned anonymous memory, of huge pages where the machine has set some aside. Child
// processes do not inherit it. The kernel holds its pages as long as it needs them, whenever this
// object goes.
class Umem {
 public:
  // `size` in bytes, a multiple of the page size.
  [[nodiscard]] static Result<Umem> create(std::size_t size);

  [[nodiscard]] MutableBytes bytes() const { return {memory_.data(), size_}; }
  [[nodiscard]] bool has_huge_pages() const { return has_huge_pages_; }

 private:
  Umem(Mapping memory, std::size_t size, bool has_huge_pages)
      : memory_(std::move(memory)), size_(size), has_huge_pages_(has_huge_pages) {}

  Mapping memory_;  // with huge pages more than was asked for
  std::size_t size_;
  bool has_huge_pages_;
};

}  // namespace xm
