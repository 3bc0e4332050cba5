#include "agent/bench/bench.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "agent/bench/child.hpp"
#include "agent/bench/containment.hpp"
#include "agent/bench/report_json.hpp"
#include "agent/bench/report_svg.hpp"
#include "agent/bench/report_text.hpp"
#include "agent/bench/session.hpp"
#include "agent/bench/tunnel.hpp"
#include "agent/bench/write_file.hpp"
#include "agent/crypto/aead.hpp"

namespace xm {
namespace {

using namespace bench;

constexpr int kInterruptedExit = 130;

int complain(const std::string& what) {
  std::fprintf(stderr, "xdp-mesh: %s\n", what.c_str());
  return 1;
}

// What has to be there before anything is made.
Status check_machine() {
  if (::geteuid() != 0) {
    return Error{"the bench makes network namespaces and TUN devices: run it as root"};
  }
  struct stat tun {};
  if (::stat("/dev/net/tun", &tun) < 0 || !S_ISCHR(tun.st_mode)) {
    return Error{
        "/dev/net/tun is missing: modprobe tun; a container has to be given the device "
        "(--device /dev/net/tun)"};
  }
  if (!find_on_path("iperf3")) return Error{"iperf3: not found; Debian: apt install iperf3"};
  if (!find_on_path("ip")) return Error{"ip: not found; Debian: apt install iproute2"};
  return {};
}

Machinery look_around(const std::string& own_help) {
  Machinery machinery;
  machinery.own_help = own_help;
  for (const AeadKind kind : available_aead_kinds()) {
    machinery.aead_kinds.emplace_back(aead_name(kind));
  }
  for (const std::string& peer : known_peers()) {
    if (find_on_path(peer)) machinery.found_peers.push_back(peer);
  }
  return machinery;
}

int deliver(const Report& report, const BenchOptions& options) {
  int exit_code = report.interrupted ? kInterruptedExit : 0;
  if (!write_all(stdout, report_text(report))) exit_code = 1;
  const auto write = [&](const std::string& path, const std::string& content) {
    if (path.empty()) return;
    if (auto written = write_file(path, content); !written)
      exit_code = complain(written.error().what);
  };
  write(options.json_path, options.json_path.empty() ? std::string() : report_json(report));
  write(options.svg_path, options.svg_path.empty() ? std::string() : report_svg(report));
  return exit_code;
}

}  // namespace

int run_bench(const BenchOptions& options, const std::string& own_help) {
  if (auto able = check_machine(); !able) return complain(able.error().what);
  // A file that cannot be written is known before the minutes are spent, not after.
  for (const std::string& path : {options.json_path, options.svg_path}) {
    if (path.empty()) continue;
    if (auto written = write_file(path, ""); !written) return complain(written.error().what);
  }
  Field field = choose_field(options, look_around(own_help));
  const bool ping_is_there = find_on_path("ping").has_value();
  if (!ping_is_there) {
    field.notes.emplace_back(
        "ping: not found: no round trips are measured (Debian: apt install iputils-ping)");
  }
  const std::string prefix = "xb" + std::to_string(::getpid());
  const auto code = run_contained({kUapiDirectory, kControlDirectory}, [&] {
    const auto report = run_session(options, field, ping_is_there, prefix);
    return report ? deliver(report.value(), options) : complain(report.error().what);
  });
  return code ? code.value() : complain(code.error().what);
}

}  // namespace xm
