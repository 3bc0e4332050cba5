// What the program may cost the verifier, which has limits, and every kernel its own: a ceiling
// that a change raises knowingly, in tests/bpf/budget.txt.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <doctest/doctest.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "steer.skel.h"
#include "tests/support/skip.hpp"

namespace xm::test {
namespace {

struct DestroySkeleton {
  void operator()(steer* skeleton) const { steer__destroy(skeleton); }
};

std::map<std::string, std::uint64_t> read_ceilings() {
  std::ifstream file(XM_SOURCE_DIR "/tests/bpf/budget.txt");
  REQUIRE(file.good());
  std::map<std::string, std::uint64_t> ceilings;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    std::uint64_t ceiling = 0;
    if (line.empty() || line[0] == '#') continue;
    REQUIRE((words >> name >> ceiling));
    ceilings[name] = ceiling;
  }
  return ceilings;
}

// The number in front of or behind a word of the verifier's last line: "processed 5 insns ...
// total_states 7 peak_states 7".
std::uint64_t figure_of(const std::string& log, const std::string& word) {
  const std::size_t at = log.find(word);
  REQUIRE(at != std::string::npos);
  return std::stoull(log.substr(at + word.size()));
}

}  // namespace

TEST_CASE("XDP program: instructions and verified states are within their budget") {
  libbpf_set_print(nullptr);
  const std::unique_ptr<steer, DestroySkeleton> skeleton(steer__open());
  REQUIRE(skeleton != nullptr);
  std::vector<char> log(1 << 16);
  constexpr std::uint32_t kStatistics = 4;  // BPF_LOG_STATS
  REQUIRE(bpf_program__set_log_level(skeleton->progs.xm_steer, kStatistics) == 0);
  REQUIRE(bpf_program__set_log_buf(skeleton->progs.xm_steer, log.data(), log.size()) == 0);
  const int status = steer__load(skeleton.get());
  if (status == -EPERM) XM_SKIP("loading a program needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON");
  REQUIRE(status == 0);

  bpf_prog_info info{};
  std::uint32_t size = sizeof info;
  REQUIRE(bpf_obj_get_info_by_fd(bpf_program__fd(skeleton->progs.xm_steer), &info, &size) == 0);
  const std::string text(log.data());
  const std::map<std::string, std::uint64_t> figures = {
      {"instructions", bpf_program__insn_cnt(skeleton->progs.xm_steer)},
      {"verified_instructions", info.verified_insns},
      {"total_states", figure_of(text, "total_states ")},
      {"peak_states", figure_of(text, "peak_states ")},
  };
  const auto ceilings = read_ceilings();
  CHECK(ceilings.size() == figures.size());
  for (const auto& [name, figure] : figures) {
    CAPTURE(name);
    std::printf("%s %llu\n", name.c_str(), static_cast<unsigned long long>(figure));
    REQUIRE(ceilings.contains(name));
    CHECK(figure <= ceilings.at(name));
  }
}

}  // namespace xm::test
