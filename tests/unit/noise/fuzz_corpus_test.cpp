#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/fuzz/handshake_world.hpp"
#include "tests/unit/crypto/vectors.hpp"

namespace xm {
namespace {

// XM_WRITE_CORPUS=1 writes the file instead.
void check_seed(const std::string& name, Bytes message) {
  const std::string path = std::string(XM_SOURCE_DIR "/tests/fuzz/corpus/handshake/") + name;
  if (std::getenv("XM_WRITE_CORPUS") != nullptr) {
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(message.data()),
               static_cast<std::streamsize>(message.size()));
  }
  std::ifstream file(path, std::ios::binary);
  const std::string seed{std::istreambuf_iterator<char>(file), {}};
  CHECK_MESSAGE(test::to_hex({reinterpret_cast<const std::uint8_t*>(seed.data()), seed.size()}) ==
                    test::to_hex(message),
                path, " is not the genuine message: run the test with XM_WRITE_CORPUS=1");
}

}  // namespace

TEST_CASE("handshake_fuzz: its corpus holds the genuine messages") {
  const test::HandshakeWorld world;
  check_seed("initiation", test::bytes_of(world.initiation));
  check_seed("response", test::bytes_of(world.response));
  check_seed("cookie_reply", test::bytes_of(world.cookie_reply));
}

}  // namespace xm
