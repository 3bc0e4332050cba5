#include "agent/ctl/http.hpp"

#include <doctest/doctest.h>

namespace xm {

TEST_CASE("http: a head ends with its first blank line") {
  CHECK(http_head_length("GET / HTTP/1.1\r\n\r\nmore") == 18);
  CHECK(http_head_length("GET / HTTP/1.1\n\nmore") == 16);
  CHECK(http_head_length("GET / HTTP/1.1\r\nHost: a\r\n\r\n") == 27);
  for (const char* cut : {"", "GET", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r"}) {
    CAPTURE(cut);
    CHECK(http_head_length(cut) == std::string_view::npos);
  }
}

TEST_CASE("http: the path without its query, and whether only the head is wanted") {
  const ParsedHttp get = parse_http("GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(get.error.status == 200);
  CHECK(get.request.path == "/metrics");
  CHECK_FALSE(get.request.head_only);
  const ParsedHttp head = parse_http("HEAD /healthz HTTP/1.0\n\n");
  CHECK(head.request.path == "/healthz");
  CHECK(head.request.head_only);
}

TEST_CASE("http: what is no request that it serves is refused with what was expected") {
  struct Row {
    const char* head;
    int status;
  };
  for (const Row& row :
       {Row{"\r\n\r\n", 400}, Row{"GET\r\n\r\n", 400}, Row{"GET metrics HTTP/1.1\r\n\r\n", 400},
        Row{"GET /metrics\r\n\r\n", 400}, Row{"GET /metrics FTP/1.1\r\n\r\n", 400},
        Row{"GET /metrics HTTP/2.0\r\n\r\n", 505}, Row{"POST /metrics HTTP/1.1\r\n\r\n", 405}}) {
    CAPTURE(row.head);
    const ParsedHttp parsed = parse_http(row.head);
    CHECK(parsed.error.status == row.status);
    CHECK(parsed.error.body.starts_with("expected "));
  }
}

TEST_CASE("http: a reply says how long it is and that it is the last") {
  CHECK(http_text({.status = 503, .body = "why\n"}, false) ==
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Length: 4\r\nCache-Control: no-store\r\nConnection: close\r\n\r\nwhy\n");
  CHECK(http_text({.body = "why\n"}, true).ends_with("Connection: close\r\n\r\n"));
  CHECK(http_text({.status = 405, .body = {}}, false).find("Allow: GET, HEAD\r\n") !=
        std::string::npos);
}

}  // namespace xm
