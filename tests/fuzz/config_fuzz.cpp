// A file of members that were met: what is read of it is written as it was read. And a
// configuration file: either all of it is right, and then what is shown of it is right and says the
// same; or there is a fault, which has a line.
#include <cstdlib>

#include "agent/store/config.hpp"
#include "agent/store/members_file.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto places = xm::parse_members(text)) {
    const auto again = xm::parse_members(xm::members_text(places.value()));
    require(again.ok() && again.value() == places.value());
  }
  const auto config = xm::parse_config("f.toml", text);
  if (!config) {
    require(config.error().what.find("f.toml:") == 0);
    return 0;
  }
  const auto again = xm::parse_config("shown.toml", config.value().text);
  require(again.ok() && again.value().text == config.value().text);
  return 0;
}
