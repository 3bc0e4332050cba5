// Reading and writing the mesh's binary forms: little-endian integers, byte strings and texts with
// a length before them. A reader that ran out of bytes stays failed and gives zeroes, so that a
// parser asks once, at its end.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "xdpmesh/bytes.hpp"

namespace xm {

[[nodiscard]] inline Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// Borrows the bytes it reads.
class ByteReader {
 public:
  explicit ByteReader(Bytes from) : left_(from) {}

  // The next `size` bytes, or none and failed().
  [[nodiscard]] Bytes take(std::size_t size) {
    if (failed_ || size > left_.size()) {
      failed_ = true;
      return {};
    }
    const Bytes taken = left_.first(size);
    left_ = left_.subspan(size);
    return taken;
  }
  template <std::size_t N>
  [[nodiscard]] std::array<std::uint8_t, N> array() {
    std::array<std::uint8_t, N> out{};
    const Bytes from = take(N);
    std::copy(from.begin(), from.end(), out.begin());
    return out;
  }
  [[nodiscard]] std::uint8_t u8() { return array<1>()[0]; }
  [[nodiscard]] std::uint16_t u16() { return load_le16(array<2>().data()); }
  [[nodiscard]] std::uint32_t u32() { return load_le32(array<4>().data()); }
  [[nodiscard]] std::uint64_t u64() { return load_le64(array<8>().data()); }
  // A length byte, then so many bytes; a text above `most` fails.
  [[nodiscard]] std::string text(std::size_t most) {
    const std::size_t size = u8();
    if (size > most) failed_ = true;
    const Bytes from = take(size);
    return {from.begin(), from.end()};
  }
  // A count byte; one above `most` fails and gives 0.
  [[nodiscard]] std::size_t count(std::size_t most) {
    const std::size_t number = u8();
    if (number > most) failed_ = true;
    return failed_ ? 0 : number;
  }

  void fail() { failed_ = true; }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] std::size_t left() const { return left_.size(); }
  // Everything was there, and nothing is left.
  [[nodiscard]] bool complete() const { return !failed_ && left_.empty(); }

 private:
  Bytes left_;
  bool failed_ = false;
};

class ByteWriter {
 public:
  void bytes(Bytes from) { out_.insert(out_.end(), from.begin(), from.end()); }
  void u8(std::size_t value) { out_.push_back(static_cast<std::uint8_t>(value)); }
  void u16(std::uint16_t value) {
    std::array<std::uint8_t, 2> raw{};
    store_le16(raw.data(), value);
    bytes(raw);
  }
  void u32(std::uint32_t value) {
    std::array<std::uint8_t, 4> raw{};
    store_le32(raw.data(), value);
    bytes(raw);
  }
  void u64(std::uint64_t value) {
    std::array<std::uint8_t, 8> raw{};
    store_le64(raw.data(), value);
    bytes(raw);
  }
  // At most 255 bytes: the caller has checked.
  void text(std::string_view value) {
    u8(value.size());
    bytes(bytes_of(value));
  }

  [[nodiscard]] std::size_t size() const { return out_.size(); }
  [[nodiscard]] Bytes written() const { return out_; }
  [[nodiscard]] std::vector<std::uint8_t> take() { return std::move(out_); }

 private:
  std::vector<std::uint8_t> out_;
};

}  // namespace xm
