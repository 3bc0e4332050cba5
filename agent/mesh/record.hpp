// What a node says of itself: a NodeRecord, signed by its identity, and carried about by everyone.
//
// Binary form: a version byte, the fields in the order of the struct, then the signature
// (signed_bytes.hpp, tag "xdp-mesh record"). Canonical: one record has one spelling, and only that
// is accepted (field_codec.hpp). Never more than kMaxRecordSize bytes, so that a record, a
// certificate chain and a hello's own fields fit one datagram of 1,232 bytes.
//
// What a record claims (names, addresses, subnets) is a wish: trust.hpp says what is granted.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/mesh/identity.hpp"
#include "agent/mesh/lifetime.hpp"
#include "xdpmesh/addr.hpp"
#include "xdpmesh/result.hpp"

namespace xm {

inline constexpr std::size_t kMaxRecordSize = 560;
inline constexpr std::size_t kMaxRecordNames = 4;
inline constexpr std::size_t kMaxRecordAddresses = 4;
inline constexpr std::size_t kMaxRecordSubnets = 8;
inline constexpr std::size_t kMaxRecordEndpoints = 8;

inline constexpr UnixSeconds kRecordLife = kDay;
inline constexpr UnixSeconds kLeastRecordLife = 6 * kHour;
inline constexpr UnixSeconds kMostRecordLife = 7 * kDay;  // a longer one is refused
// How far the issuer's clock may be from ours before a record counts as expired or of the future.
inline constexpr UnixSeconds kClockTolerance = 2 * kHour;

// What a node can do for others, as bits; unknown ones are kept and ignored.
inline constexpr std::uint32_t kCapabilityNone = 0;

struct NodeRecord {
  std::string mesh;  // is_mesh_name()
  Identity identity;
  std::uint64_t version = 1;         // of this identity's records: the highest counts; never 0
  std::vector<std::string> names;    // is_node_name(); a set
  std::uint32_t salt = 0;            // of the derived IPv4 address (addresses.hpp)
  std::vector<IpAddress> addresses;  // wanted beside the derived ones; a set
  std::vector<Prefix> subnets;       // wanted behind this node; a set
  std::vector<Endpoint> endpoints;   // where it may be reached, the best first; no scope
  std::uint32_t capabilities = kCapabilityNone;
  Lifetime life;

  friend bool operator==(const NodeRecord&, const NodeRecord&) = default;
};

// A record together with the bytes that prove it.
class SignedRecord {
 public:
  // Signs with the identity's own key (an error otherwise). Brings the sets into order; an error
  // says which field is not as above, or how much too big the record is.
  [[nodiscard]] static Result<SignedRecord> sign(NodeRecord record, const SigningKey& key);

  // Judges foreign bytes: shape, canonical form, length of life, mesh, signature. Does not judge
  // the time (record_age) nor whether its identity is a member (trust.hpp).
  [[nodiscard]] static Result<SignedRecord> open(Bytes bytes, std::string_view mesh);

  [[nodiscard]] const NodeRecord& record() const { return record_; }
  [[nodiscard]] Bytes bytes() const { return bytes_; }

 private:
  SignedRecord(NodeRecord record, std::vector<std::uint8_t> bytes)
      : record_(std::move(record)), bytes_(std::move(bytes)) {}

  NodeRecord record_;
  std::vector<std::uint8_t> bytes_;
};

// The form without its signature being checked, for who has checked it already. Same refusals.
[[nodiscard]] Result<NodeRecord> decode_record(Bytes bytes);

// How a record stands to the wall clock, with kClockTolerance both ways.
enum class RecordAge : std::uint8_t { valid, of_the_future, expired };
[[nodiscard]] RecordAge record_age(const Lifetime& life, UnixSeconds now);

// Whether `candidate` replaces `held`, both of one identity and mesh: the higher version does. Two
// records of one version are a fault of their owner (a copied key, a restored disk); the one with
// the greater bytes is kept, so that everyone keeps the same.
[[nodiscard]] bool replaces(const SignedRecord& candidate, const SignedRecord& held);

}  // namespace xm
