// A piece of mapped memory with one owner: mmap(2).
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace xm {

class Mapping {
 public:
  Mapping() = default;
  // Takes over what mmap returned; MAP_FAILED gives an empty mapping, with errno as it was.
  Mapping(void* memory, std::size_t size)
      : memory_(memory == MAP_FAILED ? nullptr : static_cast<std::uint8_t*>(memory)), size_(size) {}
  Mapping(Mapping&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)), size_(other.size_) {}
  Mapping& operator=(Mapping&& other) noexcept {
    Mapping old(std::move(*this));
    memory_ = std::exchange(other.memory_, nullptr);
    size_ = other.size_;
    return *this;
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (memory_ != nullptr) ::munmap(memory_, size_);
  }

  explicit operator bool() const { return memory_ != nullptr; }
  [[nodiscard]] std::uint8_t* data() const { return memory_; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::uint8_t* memory_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace xm
