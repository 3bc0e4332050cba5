// Within agent/ctl: the parts of the JSON that more than one reply has.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "agent/ctl/attach.hpp"
#include "agent/ctl/attachment_status.hpp"

namespace xm {

[[nodiscard]] nlohmann::ordered_json steps_to_json(const std::vector<AttachStep>& steps);
[[nodiscard]] nlohmann::ordered_json attachments_to_json(
    const std::vector<AttachmentStatus>& attachments);

// One line without its end; what is no UTF-8 is replaced.
[[nodiscard]] std::string one_line(const nlohmann::ordered_json& json);

}  // namespace xm
