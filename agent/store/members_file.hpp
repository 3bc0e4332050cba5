// Where members answered last, in a file that outlives the process:
//
//   xdp-mesh-members 1
//   member IDENTITY@ADDRESS:PORT
//
// Whom to ask, and never whom to trust: nothing but first contact depends on it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/mesh/identity.hpp"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

struct MemberPlace {
  Identity identity;
  Endpoint endpoint;
  friend auto operator<=>(const MemberPlace&, const MemberPlace&) = default;
};

// More are neither written nor read.
inline constexpr std::size_t kMostPlaces = 16;

[[nodiscard]] std::string members_text(const std::vector<MemberPlace>& places);
// Errors name the line.
[[nodiscard]] Result<std::vector<MemberPlace>> parse_members(std::string_view text);

class MembersFile {
 public:
  explicit MembersFile(std::string path) : path_(std::move(path)) {}

  // Empty when there is none yet.
  [[nodiscard]] Result<std::vector<MemberPlace>> load() const;
  [[nodiscard]] Status save(const std::vector<MemberPlace>& places) const;

 private:
  std::string path_;
};

}  // namespace xm
