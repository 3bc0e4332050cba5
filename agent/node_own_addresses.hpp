// This machine's addresses, as workers see them.
#pragma once

#include <memory>
#include <vector>

#include "agent/io/local_addresses.hpp"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/grace.hpp"
#include "xdpmesh/log.hpp"

namespace xm {

// Thread: the control thread; published() is for readers of `grace`.
class OwnAddresses {
 public:
  using Addresses = std::vector<IpAddress>;

  explicit OwnAddresses(Grace& grace) : grace_(grace) {}
  // When no reader is left.
  ~OwnAddresses() { delete published_.exchange(nullptr); }
  OwnAddresses(const OwnAddresses&) = delete;
  OwnAddresses& operator=(const OwnAddresses&) = delete;

  // Publishes those of now. When they cannot be had, those of before stay.
  void look() {
    auto found = own_addresses();
    if (!found) return log::error(found.error().what);
    const Addresses* const before = published_.load();
    if (before != nullptr && *before == found.value()) return;
    auto next = std::make_unique<const Addresses>(std::move(found).value());
    grace_.retire(std::unique_ptr<const Addresses>(published_.exchange(next.release())));
  }

  [[nodiscard]] const Published<const Addresses>& published() const { return published_; }

 private:
  Grace& grace_;
  Published<const Addresses> published_;
};

}  // namespace xm
