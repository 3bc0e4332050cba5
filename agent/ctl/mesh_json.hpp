// Within agent/ctl: the mesh's part of the status, as JSON and as text for people.
#pragma once

#include "agent/ctl/json_text.hpp"
#include "agent/ctl/mesh_status.hpp"

namespace xm {

[[nodiscard]] Json mesh_to_json(const MeshStatus& mesh);
// From the JSON of this or a later version.
void mesh_text(Text& text, const Json& mesh);

}  // namespace xm
