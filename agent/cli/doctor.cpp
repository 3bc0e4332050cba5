#include "agent/cli/doctor.hpp"

#include <net/if.h>

#include <memory>
#include <utility>

#include "agent/ctl/attach_plan.hpp"

namespace xm {

Result<std::vector<std::string>> MachineFacts::interfaces() const {
  const std::unique_ptr<struct if_nameindex[], void (*)(struct if_nameindex*)> list(
      ::if_nameindex(), ::if_freenameindex);
  if (!list) return errno_error("cannot list the network interfaces");
  std::vector<std::string> names;
  for (const struct if_nameindex* entry = list.get(); entry->if_index != 0; ++entry) {
    names.emplace_back(entry->if_name);
  }
  std::erase_if(names, [](const std::string& name) { return name == "lo"; });
  return names;
}

Result<InterfaceFacts> MachineFacts::interface(const std::string& name) const {
  return interface_facts(name);
}

LoaderFacts MachineFacts::loader() const {
  return loader_facts();
}

int examine(const AttachRequest& request, const FactSource& facts, std::FILE* out, std::FILE* err) {
  Result<std::vector<std::string>> names = std::vector<std::string>{request.interface};
  if (request.interface.empty()) names = facts.interfaces();
  if (!names) {
    std::fprintf(err, "xdp-mesh: %s\n", names.error().what.c_str());
    return 1;
  }
  const LoaderFacts loader = facts.loader();
  std::string text = "this process:\n" + facts_text(loader);
  bool success = !names->empty();
  if (names->empty()) text += "\nno network interface but loopback\n";
  for (const std::string& name : names.value()) {
    const auto interface = facts.interface(name);
    if (!interface) {
      std::fprintf(err, "xdp-mesh: %s\n", interface.error().what.c_str());
      success = false;
      continue;
    }
    AttachRequest wanted = request;
    wanted.interface = name;
    const AttachReply plan = plan_attach(wanted, interface.value(), loader);
    text += "\n" + name + ":\n" + facts_text(interface.value()) + "\n" + plan_text(plan);
    success = success && plan.attached;
  }
  text += "\n" + bypass_text();
  std::fputs(text.c_str(), out);
  return std::fflush(out) == 0 && success ? 0 : 1;
}

}  // namespace xm
