#include "agent/store/members_file.hpp"

#include <cerrno>

#include "agent/mesh/text_lines.hpp"
#include "agent/store/secure_file.hpp"

namespace xm {
namespace {

constexpr const char* kKind = "members";
constexpr mode_t kOwnersOnly = 0600;

Result<MemberPlace> parse_place(std::string_view text) {
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos) return Error{"expected IDENTITY@ADDRESS:PORT"};
  const auto identity = Identity::parse(text.substr(0, at));
  if (!identity) return identity.error();
  const auto endpoint = Endpoint::parse(text.substr(at + 1));
  if (!endpoint)
    return Error{"expected ADDRESS:PORT, got '" + std::string(text.substr(at + 1)) + "'"};
  return MemberPlace{identity.value(), endpoint.value()};
}

}  // namespace

std::string members_text(const std::vector<MemberPlace>& places) {
  std::string text = "xdp-mesh-members 1\n# where members answered last; written by the agent\n";
  for (std::size_t i = 0; i < places.size() && i < kMostPlaces; ++i) {
    text +=
        "member " + places[i].identity.to_string() + "@" + places[i].endpoint.to_string() + "\n";
  }
  return text;
}

Result<std::vector<MemberPlace>> parse_members(std::string_view text) {
  TextLines lines(text);
  if (Status first = take_first_line(lines, kKind); !first) return first.error();
  std::vector<MemberPlace> places;
  while (const auto line = lines.next()) {
    const std::string where = "line " + std::to_string(line->number) + ": ";
    if (line->keyword != "member") {
      return Error{where + "expected member, got '" + std::string(line->keyword) + "'"};
    }
    auto place = parse_place(line->value);
    if (!place) return Error{where + place.error().what};
    if (places.size() < kMostPlaces) places.push_back(*place);
  }
  return places;
}

Result<std::vector<MemberPlace>> MembersFile::load() const {
  const auto text = read_trusted_file(path_);
  if (!text) {
    if (text.error().os_errno == ENOENT) return std::vector<MemberPlace>();
    return text.error();
  }
  auto places = parse_members(text.value());
  if (!places) return Error{path_ + ": " + places.error().what};
  return places;
}

Status MembersFile::save(const std::vector<MemberPlace>& places) const {
  return write_file_atomically(path_, members_text(places), kOwnersOnly);
}

}  // namespace xm
