#include "agent/cli/config_argument.hpp"

#include "agent/ctl/attach.hpp"
#include "agent/store/config_file.hpp"

namespace xm {

std::string config_path(const std::string& what, const std::string& directory) {
  const bool is_file =
      what.find('/') != std::string::npos || (what.size() > 5 && what.ends_with(".toml"));
  return is_file ? what : directory + "/" + what + ".toml";
}

Result<LoadedConfig> load_named_config(const std::string& path) {
  const std::string name = config_name(path);
  if (const std::string fault = interface_name_fault(name); !fault.empty()) {
    return Error{path + ": the file is named after the interface, but '" + name +
                 "' is no name for one: " + fault};
  }
  return load_config_file(path);
}

}  // namespace xm
