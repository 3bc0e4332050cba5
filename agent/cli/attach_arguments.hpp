// The options of an attach: of `xdp-mesh attach IF --mode native`, and in one word of
// `xdp-mesh --attach IF,mode=native wg0`. Both have the same names and values.
#pragma once

#include <CLI/CLI.hpp>
#include <array>
#include <string>
#include <string_view>

#include "agent/ctl/attach.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

class AttachArguments {
 public:
  static constexpr std::size_t kCount = 9;

  // `app` is filled in when it parses: this object has to live until then.
  void add_to(CLI::App& app);

  // The error names the option, the expected values and what came.
  [[nodiscard]] Result<AttachRequest> take(const std::string& interface) const;

 private:
  std::array<std::string, kCount> values_;  // empty: not given
};

// "eth0" or "eth0,mode=native,rx=xdp": the value of --attach.
[[nodiscard]] Result<AttachRequest> parse_attach_word(std::string_view word);

}  // namespace xm
