#include "agent/mesh/own_record.hpp"

#include <memory>
#include <utility>

namespace xm {

void OwnRecord::set_chain(const std::optional<CertificateChain>& chain) {
  chain_ = chain ? encode_chain(*chain) : std::vector<std::uint8_t>();
}

Result<SharedRecord> OwnRecord::issue(const RecordWishes& wishes, UnixSeconds now,
                                      std::uint64_t seen) {
  const auto version = versions_.next(seen);
  if (!version) return version.error();
  NodeRecord record;
  record.mesh = mesh_;
  record.identity = Identity::of(key_);
  record.version = version.value();
  record.names = wishes.names;
  record.salt = wishes.salt;
  record.addresses = wishes.addresses;
  record.subnets = wishes.subnets;
  record.endpoints = wishes.endpoints;
  record.life = {now, now + wishes.life};
  const Lifetime life = record.life;
  const auto made = SignedRecord::sign(std::move(record), key_);
  if (!made) return made.error();
  auto held = std::make_shared<HeldRecord>();
  held->identity = made.value().record().identity;
  held->version = version.value();
  held->record.assign(made.value().bytes().begin(), made.value().bytes().end());
  held->certificates = chain_;
  held_ = std::move(held);
  wishes_ = wishes;
  life_ = life;
  return held_;
}

}  // namespace xm
