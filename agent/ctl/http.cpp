#include "agent/ctl/http.hpp"

#include <algorithm>

namespace xm {
namespace {

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Bad Request";
  }
}

// The text before `separator`, which goes with it; all when there is none.
std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t at = text.find(separator);
  const std::string_view front = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return front;
}

ParsedHttp refused(int status, std::string why) {
  return {{}, {.status = status, .body = std::move(why) + "\n"}};
}

}  // namespace

// RFC 9112, 2.2: a lone line feed may be taken for the end of a line.
std::size_t http_head_length(std::string_view input) {
  for (std::size_t at = input.find('\n'); at != std::string_view::npos;
       at = input.find('\n', at + 1)) {
    const std::string_view rest = input.substr(at + 1);
    if (rest.starts_with("\n")) return at + 2;
    if (rest.starts_with("\r\n")) return at + 3;
  }
  return std::string_view::npos;
}

ParsedHttp parse_http(std::string_view head) {
  std::string_view line = take_until(head, '\n');
  if (line.ends_with('\r')) line.remove_suffix(1);
  const std::string_view method = take_until(line, ' ');
  const std::string_view target = take_until(line, ' ');
  if (!target.starts_with('/') || !line.starts_with("HTTP/")) {
    return refused(400, "expected a request line as GET /metrics HTTP/1.1");
  }
  if (!line.starts_with("HTTP/1.")) return refused(505, "expected HTTP/1.1");
  if (method != "GET" && method != "HEAD") return refused(405, "expected GET or HEAD");
  return {{.path = target.substr(0, target.find('?')), .head_only = method == "HEAD"}, {}};
}

std::string http_text(const HttpReply& reply, bool head_only) {
  std::string text = "HTTP/1.1 " + std::to_string(reply.status) + " ";
  text += reason_of(reply.status);
  text += "\r\nContent-Type: ";
  text += reply.content_type;
  text += "\r\nContent-Length: " + std::to_string(reply.body.size());
  if (reply.status == 405) text += "\r\nAllow: GET, HEAD";
  text += "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n";
  if (!head_only) text += reply.body;
  return text;
}

}  // namespace xm
