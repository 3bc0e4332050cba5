// `xdp-mesh bench aead`: every AEAD engine that starts here, by packet size.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "agent/bench/figure.hpp"
#include "agent/crypto/aead.hpp"
#include "agent/ctl/bench_parts_options.hpp"

namespace xm {

struct AeadCell {
  AeadKind engine = AeadKind::libsodium;
  std::uint32_t size = 0;  // bytes of plaintext
  Figure seal;             // ns a packet
  Figure open;             // ns a packet
};

struct AeadReport {
  struct Engine {
    AeadKind kind = AeadKind::libsodium;
    std::string description;
  };
  struct LeftOut {
    AeadKind kind = AeadKind::libsodium;
    std::string reason;
  };

  std::uint32_t batch = 0;
  std::vector<std::uint32_t> sizes;
  std::vector<Engine> engines;
  std::vector<LeftOut> left_out;
  std::vector<AeadCell> cells;  // by size, then by engine
  AeadChoice choice;            // what `--aead auto` would take

  // The engine with the least sum of seal and open at `size`; null for a size without cells.
  [[nodiscard]] const AeadCell* fastest(std::uint32_t size) const;
};

// The engines take turns, ten rounds. One thread; takes as long as the options say.
[[nodiscard]] AeadReport measure_aead(const AeadBenchOptions& options);

// The table, and one JSON object; both with a final newline.
[[nodiscard]] std::string aead_report_text(const AeadReport& report);
[[nodiscard]] std::string aead_report_json(const AeadReport& report);

// Measures and prints; returns the exit code.
[[nodiscard]] int bench_aead(const AeadBenchOptions& options, std::FILE* out, std::FILE* err);

}  // namespace xm
