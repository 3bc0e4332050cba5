// ping(8): its command line, and the round trips that it saw one by one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace xm::bench {

// A request every 10 ms for so long, whether or not the last one was answered.
[[nodiscard]] std::vector<std::string> ping_command(const std::string& address,
                                                    std::uint32_t seconds);

// The round trips in milliseconds, in order of arrival. Duplicates and whatever else ping says are
// left out; empty when nothing was answered.
[[nodiscard]] std::vector<double> parse_ping(std::string_view output);

}  // namespace xm::bench
