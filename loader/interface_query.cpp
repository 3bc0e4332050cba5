#include "loader/interface_query.hpp"

#include <linux/sockios.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <utility>

namespace xm {
namespace {

ifreq request_for(const std::string& name) {
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  return request;
}

}  // namespace

std::string interface_name(std::uint32_t ifindex) {
  std::array<char, IF_NAMESIZE> name{};
  return ::if_indextoname(ifindex, name.data()) != nullptr ? name.data() : "";
}

InterfaceQuery::InterfaceQuery(std::string name)
    : name_(std::move(name)), socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}

std::optional<unsigned> InterfaceQuery::flags() const {
  const auto answer = ask(SIOCGIFFLAGS);
  if (!answer) return std::nullopt;
  return static_cast<unsigned short>(answer->ifr_flags);
}

std::optional<std::uint32_t> InterfaceQuery::mtu() const {
  const auto answer = ask(SIOCGIFMTU);
  if (!answer) return std::nullopt;
  return static_cast<std::uint32_t>(answer->ifr_mtu);
}

std::optional<ifreq> InterfaceQuery::hardware_address() const {
  auto answer = ask(SIOCGIFHWADDR);
  if (!answer || answer->ifr_hwaddr.sa_family != ARPHRD_ETHER) return std::nullopt;
  return answer;
}

std::optional<ifreq> InterfaceQuery::ask(unsigned long request) const {
  ifreq answer = request_for(name_);
  if (::ioctl(socket_.get(), request, &answer) != 0) return std::nullopt;
  return answer;
}

bool InterfaceQuery::ask_ethtool(void* command) const {
  ifreq request = request_for(name_);
  request.ifr_data = static_cast<char*>(command);
  return ::ioctl(socket_.get(), SIOCETHTOOL, &request) == 0;
}

}  // namespace xm
