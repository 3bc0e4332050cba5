#include <arpa/nameser.h>
#include <netdb.h>
#include <resolv.h>

#include <algorithm>

#include "agent/io/resolver.hpp"

namespace xm {
namespace {

// Larger answers than this come cut, and what is cut is left out.
constexpr std::size_t kAnswerSize = 16384;

constexpr std::size_t kMaxAddresses = 16;

// The state of resolver(3) for one question, so that changes of resolv.conf count at once.
class ResolverState {
 public:
  ResolverState() : ready_(res_ninit(&state_) == 0) {}
  ~ResolverState() {
    if (ready_) res_nclose(&state_);
  }
  ResolverState(const ResolverState&) = delete;
  ResolverState& operator=(const ResolverState&) = delete;

  [[nodiscard]] bool ready() const { return ready_; }
  [[nodiscard]] struct __res_state& state() { return state_; }

 private:
  struct __res_state state_ {};
  bool ready_;
};

class SystemResolver final : public Resolver {
 public:
  Result<std::vector<IpAddress>> addresses(const std::string& host) override {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_DGRAM;
    addrinfo* list = nullptr;
    const int error = getaddrinfo(host.c_str(), nullptr, &hints, &list);
    if (error == EAI_SYSTEM) return errno_error(host);
    if (error != 0) return Error{host + ": " + gai_strerror(error)};
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(list, freeaddrinfo);
    std::vector<IpAddress> found;
    for (const addrinfo* one = list; one != nullptr && found.size() < kMaxAddresses;
         one = one->ai_next) {
      sockaddr_storage storage{};
      std::memcpy(&storage, one->ai_addr, std::min<std::size_t>(one->ai_addrlen, sizeof storage));
      const IpAddress address = Endpoint::from_sockaddr(storage).address;
      const bool known = std::find(found.begin(), found.end(), address) != found.end();
      if (address.family != IpAddress::Family::none && !known) found.push_back(address);
    }
    if (found.empty()) return Error{host + ": has no address"};
    return found;
  }

  Result<std::vector<std::uint8_t>> records(const std::string& name, RecordType type) override {
    ResolverState resolver;
    if (!resolver.ready()) return errno_error(name + ": the resolver does not start");
    std::vector<std::uint8_t> answer(kAnswerSize);
    const int length = res_nquery(&resolver.state(), name.c_str(), ns_c_in,
                                  type == RecordType::srv ? ns_t_srv : ns_t_txt, answer.data(),
                                  static_cast<int>(answer.size()));
    if (length < 0) {
      const int reason = resolver.state().res_h_errno;
      if (reason == HOST_NOT_FOUND || reason == NO_DATA) return std::vector<std::uint8_t>();
      return Error{name + ": no name server gave an answer"};
    }
    answer.resize(std::min(answer.size(), static_cast<std::size_t>(length)));
    return answer;
  }
};

}  // namespace

std::unique_ptr<Resolver> system_resolver() {
  return std::make_unique<SystemResolver>();
}

}  // namespace xm
