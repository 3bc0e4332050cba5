#include "loader/library_messages.hpp"

#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <string_view>
#include <utility>

namespace xm {
namespace {

thread_local std::string last_message;

void keep(const char* format, std::va_list arguments) {
  std::array<char, 512> line{};
  std::vsnprintf(line.data(), line.size(), format, arguments);
  std::string_view text(line.data());
  for (const std::string_view prefix : {"libbpf: ", "libxdp: ", "Kernel error message: "}) {
    if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  }
  text = text.substr(0, text.find('\n'));
  if (!text.empty()) last_message = text;
}

int keep_libbpf(enum libbpf_print_level level, const char* format, std::va_list arguments) {
  if (level == LIBBPF_WARN) keep(format, arguments);
  return 0;
}

int keep_libxdp(enum libxdp_print_level level, const char* format, std::va_list arguments) {
  if (level == LIBXDP_WARN) keep(format, arguments);
  return 0;
}

}  // namespace

void catch_library_messages() {
  libbpf_set_print(keep_libbpf);
  libxdp_set_print(keep_libxdp);
}

std::string take_library_message() {
  return std::exchange(last_message, {});
}

}  // namespace xm
