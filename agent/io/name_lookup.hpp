// Names to addresses without holding up the control thread: a thread asks the resolver, one name
// after the other, and an event descriptor tells when there is an answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/io/resolver.hpp"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

// A host without a port is looked for by the SRV records of this label under it.
inline constexpr std::string_view kServiceLabel = "_xdp-mesh._udp.";
// TXT records of a host may name the identities behind it: "k=IDENTITY".
inline constexpr std::string_view kIdentityText = "k";

struct NameRequest {
  std::uint64_t id = 0;     // the caller's
  std::string host;         // a name, or an address, which is answered without asking anybody
  std::uint16_t port = 0;   // 0: where SRV records say
  bool identities = false;  // whether to ask for TXT records
};

// One host that was found.
struct NameTarget {
  std::string host;
  std::vector<Endpoint> endpoints;
  std::vector<std::string> identities;  // as the records have them: not checked
};

struct NameResult {
  std::uint64_t id = 0;
  std::vector<NameTarget> targets;  // none: `fault` says why
  std::string fault;                // what did not work, also when something else did
};

// The whole of one request: SRV, addresses, identities. Blocks as the resolver does.
[[nodiscard]] NameResult look_up(const NameRequest& request, Resolver& resolver);

// Thread: the control thread.
class NameLookup {
 public:
  // The most requests whose results have not been taken.
  static constexpr std::size_t kMaxPending = 64;

  // Starts the thread.
  [[nodiscard]] static Result<std::unique_ptr<NameLookup>> create(
      std::unique_ptr<Resolver> resolver = system_resolver());

  // Does not wait for a resolver that is slow: the thread ends by itself when that has answered.
  ~NameLookup();
  NameLookup(const NameLookup&) = delete;
  NameLookup& operator=(const NameLookup&) = delete;

  // To poll for reading; then call take().
  [[nodiscard]] int fd() const;

  // False when kMaxPending wait: nothing has been asked then.
  [[nodiscard]] bool ask(NameRequest request);

  // The results that are there.
  [[nodiscard]] std::vector<NameResult> take();

 private:
  struct Shared;
  explicit NameLookup(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

  static void* run(void* shared);

  std::shared_ptr<Shared> shared_;  // with the thread, which may live longer
};

}  // namespace xm
