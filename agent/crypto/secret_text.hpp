// Text that may hold keys: its memory is wiped before it is freed, also when it
// grows.
#pragma once

#include <string.h>  // explicit_bzero

#include <cstddef>
#include <memory>
#include <string>

namespace xm {

template <typename T>
struct WipingAllocator {
  using value_type = T;

  WipingAllocator() = default;
  template <typename U>
  WipingAllocator(const WipingAllocator<U>&) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] T* allocate(std::size_t count) { return std::allocator<T>().allocate(count); }
  void deallocate(T* memory, std::size_t count) {
    explicit_bzero(memory, count * sizeof(T));
    std::allocator<T>().deallocate(memory, count);
  }
  friend bool operator==(const WipingAllocator&, const WipingAllocator&) { return true; }
};

// Up to 15 bytes lie in the object itself and are not wiped by the allocator: less than a key has.
using SecretText = std::basic_string<char, std::char_traits<char>, WipingAllocator<char>>;

// Empties `text`, leaving zeroes in what it held.
inline void wipe(SecretText& text) {
  explicit_bzero(text.data(), text.size());
  text.clear();
}

}  // namespace xm
