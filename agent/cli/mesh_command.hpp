// What the commands about keys, trust and configuration are asked for, and doing it.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "agent/mesh/grants.hpp"

namespace xm {

struct MeshCommand {
  enum class Action : std::uint8_t {
    keygen,
    export_key,
    trust,
    revoke,
    org_keygen,
    org_sign,
    org_delegate,
    org_revoke,
    config_check,
    config_show,
  };

  Action action = Action::keygen;
  std::string directory;      // of keys and trust (agent/store/key_directory.hpp)
  std::string what;           // a key or a file; of config_*: an interface or a file
  std::string label;          // trust
  std::string mesh;           // org_sign, org_delegate; empty: any
  std::string out;            // org_*: a file; empty: standard output
  std::uint32_t days = 0;     // org_sign, org_delegate; 0: 90 for a member, 365 for a delegate
  std::int64_t until = 0;     // the same instead of days: seconds since the epoch; 0: not said
  bool organisation = false;  // trust, export_key: an organisation and no node
  bool delegate = false;      // org_keygen, org_sign, export_key: as a delegate
  bool defaults = false;      // config_show: every key with its default
  Grants grants;              // trust, org_sign, org_delegate
};

// Does it; prints the outcome on `out` and what is wrong on `err`; returns the exit code.
[[nodiscard]] int run_mesh_command(const MeshCommand& command, std::FILE* out, std::FILE* err);

}  // namespace xm
