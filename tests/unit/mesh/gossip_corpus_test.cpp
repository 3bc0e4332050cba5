#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/fuzz/gossip_world.hpp"

namespace xm {
namespace {

// XM_WRITE_CORPUS=1 writes the file instead.
void check_file(const std::string& path, const std::vector<std::uint8_t>& bytes) {
  if (std::getenv("XM_WRITE_CORPUS") != nullptr) {
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  std::ifstream file(path, std::ios::binary);
  const std::string held{std::istreambuf_iterator<char>(file), {}};
  CHECK_MESSAGE(std::vector<std::uint8_t>(held.begin(), held.end()) == bytes, path,
                " is not what is written today: that is a change of the protocol's form");
}

std::vector<std::uint8_t> seed(std::uint8_t sender, std::vector<std::uint8_t> bytes) {
  bytes.insert(bytes.begin(), sender);
  return bytes;
}

// Golden as well: what a released version wrote has to be read for ever.
TEST_CASE("gossip_fuzz: its corpus holds one payload and one datagram of each kind, as ever") {
  test::GossipWorld world;
  const std::string folder = XM_SOURCE_DIR "/tests/fuzz/corpus/gossip/";
  const auto payloads = world.payloads();
  for (std::size_t i = 0; i < payloads.size(); ++i) {
    check_file(folder + "payload_" + std::to_string(i), seed(2, payloads[i]));
    CHECK(parse_messages(payloads[i]));
  }
  const auto datagrams = world.datagrams();
  for (std::size_t i = 0; i < datagrams.size(); ++i) {
    check_file(folder + "datagram_" + std::to_string(i), seed(1, datagrams[i]));
    CHECK(envelope_kind(datagrams[i]));
  }
}

}  // namespace
}  // namespace xm
