// As much of HTTP/1.1 (RFC 9112) as a scraper and a probe need: one GET or HEAD, one answer, the
// end.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace xm {

// What is asked for. Views into the request.
struct HttpRequest {
  std::string_view path;  // without the query
  bool head_only = false;
};

struct HttpReply {
  int status = 200;
  std::string_view content_type = "text/plain; charset=utf-8";
  std::string body;
};

// A request's line and fields may have so many bytes.
inline constexpr std::size_t kMaxHttpHead = 8192;

// The length of a request's head, its blank line included, at the front of `input`; npos while it
// is not complete.
[[nodiscard]] std::size_t http_head_length(std::string_view input);

// From a complete head. The error is the reply to it: 400, 405 or 505.
struct ParsedHttp {
  HttpRequest request;
  HttpReply error;  // of status 200 when there is none
};
[[nodiscard]] ParsedHttp parse_http(std::string_view head);

// Closes the connection after it.
[[nodiscard]] std::string http_text(const HttpReply& reply, bool head_only);

}  // namespace xm
