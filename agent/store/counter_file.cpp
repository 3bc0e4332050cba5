#include "agent/store/counter_file.hpp"

#include <array>
#include <cerrno>

#include "agent/mesh/armour.hpp"
#include "agent/store/secure_file.hpp"
#include "xdpmesh/bytes.hpp"

namespace xm {
namespace {

constexpr mode_t kPublic = 0644;

}  // namespace

Result<std::uint64_t> CounterFile::load() {
  const auto text = read_trusted_file(path_);
  if (!text) {
    if (text.error().os_errno == ENOENT) return std::uint64_t{0};
    return text.error();
  }
  const auto bytes = open_armour("counter", text.value(), sizeof(std::uint64_t));
  if (!bytes) return Error{path_ + ": " + bytes.error().what};
  if (bytes.value().size() != sizeof(std::uint64_t)) return Error{path_ + ": expected 8 bytes"};
  return load_le64(bytes.value().data());
}

Status CounterFile::save(std::uint64_t number) {
  std::array<std::uint8_t, sizeof number> raw{};
  store_le64(raw.data(), number);
  return write_file_atomically(path_, armour("counter", raw, "value " + std::to_string(number)),
                               kPublic);
}

}  // namespace xm
