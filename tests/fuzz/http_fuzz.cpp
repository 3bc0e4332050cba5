// HTTP requests: every head gets one reply with a status line of its own and nothing of the request
// in the header; a head's length lies within the input and ends in a blank line.
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/ctl/http.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t length = xm::http_head_length(input);
  if (length == std::string_view::npos) {
    require(input.find("\n\n") == std::string_view::npos);
    require(input.find("\n\r\n") == std::string_view::npos);
    return 0;
  }
  require(length <= size && input[length - 1] == '\n');
  const xm::ParsedHttp parsed = xm::parse_http(input.substr(0, length));
  if (parsed.error.status == 200) {
    require(parsed.request.path.starts_with('/'));
    require(parsed.request.path.find_first_of(" \n?") == std::string_view::npos);
  } else {
    require(xm::http_text(parsed.error, false).starts_with("HTTP/1.1 "));
    require(parsed.error.body.starts_with("expected "));
  }
  return 0;
}
