// The control socket's requests: every line gets a one-line reply of this schema version; what is
// taken as an attach is within its limits, and comes out of its own line the same.
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/ctl/control_server.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

// Does nothing, and judges what it is asked for.
class Judge final : public xm::Controller {
 public:
  xm::Status apply(xm::InterfaceChange&&) override { return {}; }
  xm::InterfaceView view() override { return {}; }
  xm::StatusView status() override { return {}; }
  xm::Result<xm::AttachReply> attach(const xm::AttachRequest& request) override {
    require(xm::attach_request_fault(request).empty());
    const std::string line = xm::attach_request_json(request);
    const auto again = xm::parse_attach_request(line);
    require(again.ok() && xm::attach_request_json(again.value()) == line);
    return xm::AttachReply{request.interface, request.dry_run, true, {}};
  }
  xm::Result<xm::DetachReply> detach(const std::string& interface) override {
    require(xm::interface_name_fault(interface).empty());
    return xm::DetachReply{interface, {}};
  }
  void stop() override {}
  std::vector<xm::AttachmentStatus> attachments() override { return {}; }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Judge judge;
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const std::string reply = xm::answer_control_request(line, judge);
  require(reply.starts_with("{\"schema_version\":1,") && reply.find('\n') == std::string::npos);
  // What agents say is read back by the command line; so is anything else that comes from there.
  (void)xm::attach_reply_text(reply);
  (void)xm::interfaces_text(line);
  (void)xm::attach_reply_text(line);
  (void)xm::detach_reply_text(line);
  (void)xm::status_text(line);
  return 0;
}
