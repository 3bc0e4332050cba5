#include "agent/io/umem.hpp"

#include <linux/mman.h>
#include <sys/mman.h>

#include <string>
#include <utility>

namespace xm {
namespace {

// Asked for by size: where the default is 1 GB, 4 MB would take all of one.
constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr int kHugePageFlags = MAP_HUGETLB | MAP_HUGE_2MB;

Mapping map(std::size_t size, int flags) {
  return {::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0),
          size};
}

}  // namespace

Result<Umem> Umem::create(std::size_t size) {
  Mapping memory;
  // Less than half a huge page would waste more than it gains.
  if (size * 2 >= kHugePage) {
    memory = map((size + kHugePage - 1) / kHugePage * kHugePage, kHugePageFlags);
  }
  const bool has_huge_pages = static_cast<bool>(memory);
  if (!has_huge_pages) memory = map(size, 0);
  if (!memory) {
    return errno_error("no memory for a UMEM of " + std::to_string(size / 1024) + " KiB");
  }
  // The kernel writes into these very pages: a fork must not make them copies.
  (void)::madvise(memory.data(), memory.size(), MADV_DONTFORK);
  return Umem(std::move(memory), size, has_huge_pages);
}

}  // namespace xm
