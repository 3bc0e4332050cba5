// The configuration protocol, fed whole and in pieces of the length that the first byte says:
// both ways give the same requests, and an error never comes with a change.
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "agent/ctl/uapi.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

// What can be compared of the requests in `text`.
std::vector<std::string> requests_of(std::string_view text, std::size_t piece) {
  std::vector<std::string> requests;
  xm::UapiParser parser;
  const auto take = [&] {
    const xm::UapiRequest request = parser.take();
    std::string summary = request.operation == xm::UapiOperation::get ? "get" : "set";
    if (!request.outcome.ok()) {
      require(request.outcome.error().os_errno > 0);
      require(request.change.peers.empty() && !request.change.private_key);
      summary += " " + request.outcome.error().what;
    }
    for (const xm::PeerChange& peer : request.change.peers) {
      if (peer.endpoint) summary += " " + peer.endpoint->to_string();
      for (const xm::Prefix& prefix : peer.add_allowed_ips) summary += " +" + prefix.to_string();
      for (const xm::Prefix& prefix : peer.remove_allowed_ips) {
        summary += " -" + prefix.to_string();
      }
    }
    requests.push_back(std::move(summary));
  };
  while (!text.empty() && !parser.not_uapi()) {
    text.remove_prefix(parser.feed(text.substr(0, piece)));
    if (parser.complete()) take();
  }
  parser.finish();
  if (parser.complete()) take();
  return requests;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  require(requests_of(text, text.size()) == requests_of(text, data[0] % 80U + 1));
  return 0;
}
