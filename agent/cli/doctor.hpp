// `xdp-mesh doctor`: what attaching would do here and what stands in its way.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "agent/ctl/attach.hpp"
#include "loader/interface_facts.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// Where the facts come from.
class FactSource {
 public:
  virtual ~FactSource() = default;
  // The names of all interfaces but loopback.
  [[nodiscard]] virtual Result<std::vector<std::string>> interfaces() const = 0;
  [[nodiscard]] virtual Result<InterfaceFacts> interface(const std::string& name) const = 0;
  [[nodiscard]] virtual LoaderFacts loader() const = 0;
};

// Those of this machine, as this process sees it.
class MachineFacts final : public FactSource {
 public:
  [[nodiscard]] Result<std::vector<std::string>> interfaces() const override;
  [[nodiscard]] Result<InterfaceFacts> interface(const std::string& name) const override;
  [[nodiscard]] LoaderFacts loader() const override;
};

// Examines the request's interface, or all when it names none. Returns the exit code: 0 when every
// attach would succeed.
[[nodiscard]] int examine(const AttachRequest& request, const FactSource& facts, std::FILE* out,
                          std::FILE* err);

}  // namespace xm
