#include "agent/cli/ping_client.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <utility>
#include <vector>

#include "agent/cli/mesh_clients.hpp"

namespace xm {
namespace {

constexpr Duration kInterval = 1s;

int fail(const Printer& print, const std::string& what) {
  std::fprintf(print.err, "xdp-mesh: %s\n", what.c_str());
  return 1;
}

// Whom to ping, and through which tunnel.
struct Target {
  MeshAnswer mesh;
  MemberReport member;
  IpAddress address;
};

Result<Target> find_target(const PingCommand& command, const std::string& directory) {
  const auto meshes = ask_meshes_here(command.interface, directory);
  if (!meshes) return meshes.error();
  std::vector<Target> found;
  for (const MeshAnswer& mesh : meshes.value()) {
    for (const MemberReport* member : members_called(mesh.report, command.peer)) {
      if (member == &mesh.report.self) {
        return Error{command.peer + " is this node itself: expected another member"};
      }
      found.push_back({mesh, *member, {}});
    }
  }
  if (found.empty()) return Error{unknown_member(meshes.value(), command.peer)};
  if (found.size() > 1) {
    const bool one_mesh = std::all_of(found.begin(), found.end(), [&](const Target& other) {
      return other.mesh.report.interface == found.front().mesh.report.interface;
    });
    std::string list;
    for (const Target& one : found) {
      list +=
          (list.empty() ? "" : ", ") + (one_mesh ? one.member.identity : one.mesh.report.interface);
    }
    return Error{command.peer + " may be several members: expected " +
                 (one_mesh ? "one of " : "--interface with one of ") + list};
  }
  Target& target = found.front();
  const auto given = IpAddress::parse(command.peer);
  const auto first = given || target.member.addresses.empty()
                         ? given
                         : IpAddress::parse(target.member.addresses.front());
  if (!first) return Error{command.peer + " has no address in the mesh yet"};
  target.address = *first;
  return std::move(target);
}

// The member as the agent knows it now; as before where that cannot be had.
MemberReport look_again(const Target& target, const std::string& directory) {
  const auto meshes = ask_meshes(target.mesh.report.interface, directory);
  if (!meshes) return target.member;
  for (const MeshAnswer& mesh : meshes.value()) {
    for (const MemberReport& member : mesh.report.members) {
      if (member.identity == target.member.identity) return member;
    }
  }
  return target.member;
}

std::string milliseconds(Duration time) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f ms", static_cast<double>(time.count()) / 1e6);
  return text.data();
}

// "direct with 192.0.2.1:51820, received by xdp"
std::string path_of(const MemberReport& member) {
  std::string text = member.endpoint.empty() ? "path unknown" : "direct with " + member.endpoint;
  if (!member.receive_path.empty() && member.receive_path != "none") {
    text += ", received by " + member.receive_path;
  }
  return text;
}

// Why a member may be silent, as far as the agent knows.
std::string reasons_for_silence(const MemberReport& member) {
  std::string text =
      "it is " + (member.state.empty() ? std::string("of unknown state") : member.state);
  if (member.reach == "silent") {
    text +=
        ", answers other members and not this one (it may not trust this node, or a firewall "
        "stands between)";
  } else if (member.reach == "direct") {
    text += ", answers gossip";
  }
  if (member.endpoint.empty()) text += ", has no endpoint that works";
  if (!member.handshake_seconds) {
    text += ", and there has been no handshake";
  } else {
    text += ", the last handshake was " + std::to_string(*member.handshake_seconds) +
            " s ago (its firewall may drop ICMP)";
  }
  return text;
}

struct Tally {
  std::uint32_t sent = 0;
  std::vector<Duration> answers;
};

std::string summary(const Tally& tally) {
  std::string text =
      std::to_string(tally.sent) + " sent, " + std::to_string(tally.answers.size()) + " answered";
  if (tally.answers.empty()) return text;
  Duration sum{};
  for (const Duration answer : tally.answers) sum += answer;
  const auto [least, most] = std::minmax_element(tally.answers.begin(), tally.answers.end());
  return text + "; least " + milliseconds(*least) + ", mean " +
         milliseconds(sum / static_cast<std::int64_t>(tally.answers.size())) + ", most " +
         milliseconds(*most);
}

}  // namespace

int ping_member(const PingCommand& command, const std::string& directory, const OpenEcho& open_echo,
                const Pause& pause, const Printer& print) {
  auto target = find_target(command, directory);
  if (!target) return fail(print, target.error().what);
  const auto echo = open_echo(target->address, target->mesh.report.interface);
  if (!echo) return fail(print, echo.error().what);
  std::fprintf(print.out, "ping %s (%s) through %s\n", target->member.title().c_str(),
               target->address.to_string().c_str(), target->mesh.report.interface.c_str());
  Tally tally;
  for (std::uint32_t i = 1; i <= command.count; ++i) {
    const auto answer = echo.value()->ask(static_cast<std::uint16_t>(i), kInterval);
    ++tally.sent;
    target->member = look_again(*target, directory);
    const std::optional<Duration> took = answer ? answer.value() : std::nullopt;
    if (took) {
      tally.answers.push_back(*took);
      std::fprintf(print.out, "%u: %s, %s\n", i, milliseconds(*took).c_str(),
                   path_of(target->member).c_str());
    } else {
      const std::string why = answer ? "no answer within a second" : answer.error().what;
      std::fprintf(print.out, "%u: %s\n", i, why.c_str());
    }
    std::fflush(print.out);
    // Without an answer the second has passed in waiting for it.
    if (i < command.count && (took || !answer)) pause(kInterval - took.value_or(0ns));
  }
  std::fprintf(print.out, "%s\n", summary(tally).c_str());
  if (tally.answers.empty()) {
    return fail(
        print, target->member.title() + " does not answer: " + reasons_for_silence(target->member));
  }
  return std::fflush(print.out) == 0 ? 0 : 1;
}

}  // namespace xm
