// What a node of the mesh starts from: its directory, its configuration, its key, and where its
// counters are kept.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/crypto/secret.hpp"
#include "agent/crypto/sign.hpp"
#include "agent/ctl/node_options.hpp"
#include "agent/mesh/mesh.hpp"
#include "agent/peer/config.hpp"
#include "agent/store/config.hpp"
#include "agent/store/counter_file.hpp"
#include "agent/store/key_directory.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

struct MeshPlace {
  std::string interface;
  std::string directory;  // keys, trust, INTERFACE.toml
  std::string state;      // counters of this interface's node; made when it is not there

  [[nodiscard]] std::string config_path() const { return directory + "/" + interface + ".toml"; }
};

struct MeshSetup {
  MeshPlace place;
  MeshConfig config;
  SigningKey key;
  std::vector<PeerChange> static_peers;
};

// An error says what is missing and which command makes it.
[[nodiscard]] Result<MeshSetup> load_mesh_setup(const MeshPlace& place);

// The configuration's words for the pure part. `names` empty: the host's.
[[nodiscard]] MeshOptions mesh_options(const MeshConfig& config);

// What takes effect with the next start stays in `now` as it is in `running`. Returns the keys that
// differed, in the order of the file, each as the configuration spells it.
[[nodiscard]] std::vector<std::string_view> keep_until_start(MeshConfig& now,
                                                             const MeshConfig& running);

// What the command line says, and where that is silent, the configuration.
[[nodiscard]] NodeOptions node_options(const NodeOptions& given, const MeshConfig& config);

// The peers that are no members. Their endpoints are literal addresses here: names are looked up
// later.
[[nodiscard]] Result<std::vector<PeerChange>> static_peers(const MeshConfig& config);

}  // namespace xm
