// The values of an array map that was made with BPF_F_MMAPABLE, as memory.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <span>
#include <string>
#include <utility>

#include "xdpmesh/result.hpp"

namespace xm {

// T has the map's value size, a multiple of 8 (kernel: array_map_alloc rounds up to that). The
// memory is the map's own: stores are seen by the program at once, and it stays when the map's
// descriptor is closed. Owned: unmapped when the object goes.
template <typename T>
class MapMemory {
 public:
  MapMemory() = default;
  [[nodiscard]] static Result<MapMemory> map(int fd, std::size_t entries, const char* name) {
    static_assert(sizeof(T) % 8 == 0);
    void* memory = ::mmap(nullptr, entries * sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) return errno_error(std::string("mapping ") + name + " into memory");
    return MapMemory(static_cast<T*>(memory), entries);
  }

  MapMemory(MapMemory&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)), entries_(other.entries_) {}
  MapMemory& operator=(MapMemory&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(entries_, other.entries_);
    return *this;
  }
  MapMemory(const MapMemory&) = delete;
  MapMemory& operator=(const MapMemory&) = delete;
  ~MapMemory() {
    if (memory_ != nullptr) ::munmap(memory_, entries_ * sizeof(T));
  }

  // Borrowed: valid as long as this object, also after it has been moved.
  [[nodiscard]] std::span<T> values() const { return {memory_, entries_}; }

 private:
  MapMemory(T* memory, std::size_t entries) : memory_(memory), entries_(entries) {}

  T* memory_ = nullptr;
  std::size_t entries_ = 0;
};

}  // namespace xm
