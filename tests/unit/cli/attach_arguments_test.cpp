#include "agent/cli/attach_arguments.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace xm {

TEST_CASE("attach arguments: one word with everything") {
  const auto word = parse_attach_word(
      "eth0,mode=native,rx=xdp,queues=2,zerocopy=no,chunks=4096,rx-ring=1024,fill-ring=auto,"
      "chunk-size=4096,busy-poll=50");
  REQUIRE(word.ok());
  AttachRequest expected;
  expected.interface = "eth0";
  expected.mode = AttachMode::native;
  expected.rx = ReceiveChoice::xdp;
  expected.queues = 2;
  expected.zero_copy = ZeroCopyChoice::no;
  expected.chunks = 4096;
  expected.rx_ring = 1024;
  expected.chunk_size = 4096;
  expected.busy_poll_microseconds = 50;
  CHECK(attach_request_json(word.value()) == attach_request_json(expected));

  const auto plain = parse_attach_word("eth0");
  REQUIRE(plain.ok());
  AttachRequest defaults;
  defaults.interface = "eth0";
  CHECK(attach_request_json(plain.value()) == attach_request_json(defaults));
}

TEST_CASE("attach arguments: a wrong word says what was expected and what came") {
  struct Row {
    const char* word;
    const char* error;
  };
  for (const Row& row :
       {Row{"", "1 to 15 bytes"}, Row{",mode=native", "1 to 15 bytes"},
        Row{"eth0,", "expected IF or IF,NAME=VALUE,... with a name of mode, rx, queues"},
        Row{"eth0,mode", "got 'mode'"}, Row{"eth0,speed=9", "got 'speed=9'"},
        Row{"eth0,mode=fast", "mode: expected auto, native or generic, got 'fast'"},
        Row{"eth0,rx=", "rx: expected auto, xdp or socket, got ''"},
        Row{"eth0,zerocopy=maybe", "zerocopy: expected auto, yes or no, got 'maybe'"},
        Row{"eth0,queues=two", "queues: expected a number or auto, got 'two'"},
        Row{"eth0,queues=2x", "got '2x'"},
        Row{"eth0,queues=99", "queues: expected a number from 1"},
        Row{"eth0,chunks=auto", "chunks: expected a number, got 'auto'"},
        Row{"eth0,rx-ring=100", "rx-ring: expected a power of two from 64 to 32768, got 100"},
        Row{"eth0,busy-poll=2000000", "busy-poll: expected a number from 0 to 1000000"},
        Row{"eth0,chunk-size=1", "chunk-size: expected auto, 2048 or 4096, got 1"},
        Row{"eth0,mode=generic,zerocopy=yes", "zerocopy: expected auto or no with mode generic"}}) {
    CAPTURE(row.word);
    const auto word = parse_attach_word(row.word);
    REQUIRE_FALSE(word.ok());
    CAPTURE(word.error().what);
    CHECK(word.error().what.find(row.error) != std::string::npos);
  }
}

}  // namespace xm
