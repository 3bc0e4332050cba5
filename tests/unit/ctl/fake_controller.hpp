// A node that remembers what it was told and says what it was given.
#pragma once

#include <utility>
#include <vector>

#include "agent/ctl/controller.hpp"

namespace xm::test {

class FakeController final : public Controller {
 public:
  Status apply(InterfaceChange&& change) override {
    changes.push_back(std::move(change));
    return answer;
  }
  InterfaceView view() override {
    InterfaceView view;
    view.listen_port = listen_port;
    for (std::size_t i = 0; i < peers; ++i) view.peers.emplace_back();
    return view;
  }
  StatusView status() override {
    StatusView view;
    view.interface = "wg0";
    view.listen_port = listen_port;
    view.interfaces = interfaces;
    return view;
  }

  Result<AttachReply> attach(const AttachRequest& request) override {
    attach_requests.push_back(request);
    if (!attach_answer) return attach_answer.error();
    AttachReply report = *attach_answer;
    report.interface = request.interface;
    report.dry_run = request.dry_run;
    return report;
  }
  Result<DetachReply> detach(const std::string& interface) override {
    detach_requests.push_back(interface);
    if (!attach_answer) return attach_answer.error();
    return DetachReply{interface, attach_answer->steps};
  }
  void stop() override { stopped = true; }
  std::vector<AttachmentStatus> attachments() override { return interfaces; }

  bool stopped = false;

  std::vector<AttachRequest> attach_requests;
  std::vector<std::string> detach_requests;
  Result<AttachReply> attach_answer = AttachReply{};
  std::vector<AttachmentStatus> interfaces;
  std::vector<InterfaceChange> changes;
  Status answer;
  std::uint16_t listen_port = 51820;
  std::size_t peers = 0;
};

}  // namespace xm::test
