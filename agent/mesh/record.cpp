#include "agent/mesh/record.hpp"

#include <algorithm>
#include <utility>

#include "agent/mesh/field_codec.hpp"
#include "agent/mesh/names.hpp"
#include "agent/mesh/signed_bytes.hpp"

namespace xm {
namespace {

constexpr std::uint8_t kFormVersion = 1;
constexpr std::string_view kTag = "xdp-mesh record";

std::vector<std::uint8_t> encode_body(const NodeRecord& record) {
  ByteWriter out;
  out.u8(kFormVersion);
  out.text(record.mesh);
  out.bytes(record.identity.key);
  out.u64(record.version);
  write_list(out, record.names);
  out.u32(record.salt);
  write_list(out, record.addresses);
  write_list(out, record.subnets);
  write_list(out, record.endpoints);
  out.u32(record.capabilities);
  out.u64(static_cast<std::uint64_t>(record.life.issued));
  out.u64(static_cast<std::uint64_t>(record.life.expires));
  return out.take();
}

Error refused(const std::string& why) {
  return {"a node record is refused: " + why};
}

// What the fields must be beyond their spelling; empty when they are.
std::string fault(const NodeRecord& record) {
  if (!is_mesh_name(record.mesh)) return "expected a mesh name of 1 to 32 a-z, 0-9 and \"-\"";
  if (record.version == 0) return "expected a version of 1 or more, got 0";
  if (record.names.size() > kMaxRecordNames) return "expected at most 4 names";
  if (!std::all_of(record.names.begin(), record.names.end(), is_node_name)) {
    return "expected names that are DNS labels in lower case";
  }
  if (record.addresses.size() > kMaxRecordAddresses) return "expected at most 4 addresses";
  if (record.subnets.size() > kMaxRecordSubnets) return "expected at most 8 subnets";
  if (record.endpoints.size() > kMaxRecordEndpoints) return "expected at most 8 endpoints";
  if (!std::all_of(record.endpoints.begin(), record.endpoints.end(), is_reachable_form)) {
    return "expected endpoints that another host can send to";
  }
  if (!record.life.is_sound()) return "expected it to be issued before it expires";
  if (record.life.length() > kMostRecordLife) {
    return "expected a life of at most 7 days, got " + std::to_string(record.life.length()) + " s";
  }
  return {};
}

}  // namespace

Result<NodeRecord> decode_record(Bytes bytes) {
  if (bytes.size() > kMaxRecordSize || bytes.size() < kSignatureSize) {
    return refused("expected 64 to " + std::to_string(kMaxRecordSize) + " bytes, got " +
                   std::to_string(bytes.size()));
  }
  ByteReader in(bytes.first(bytes.size() - kSignatureSize));
  if (const unsigned form = in.u8(); form != kFormVersion) {
    return refused("expected version 1 of its form, got " + std::to_string(form));
  }
  NodeRecord record;
  record.mesh = in.text(kMaxMeshName);
  record.identity.key = in.array<32>();
  record.version = in.u64();
  record.names = read_set<std::string>(in, kMaxRecordNames);
  record.salt = in.u32();
  record.addresses = read_set<IpAddress>(in, kMaxRecordAddresses);
  record.subnets = read_set<Prefix>(in, kMaxRecordSubnets);
  record.endpoints = read_list<Endpoint>(in, kMaxRecordEndpoints);
  record.capabilities = in.u32();
  record.life.issued = static_cast<UnixSeconds>(in.u64());
  record.life.expires = static_cast<UnixSeconds>(in.u64());
  if (!in.complete()) return refused("its bytes are not in the one form a record has");
  if (const std::string why = fault(record); !why.empty()) return refused(why);
  return record;
}

Result<SignedRecord> SignedRecord::sign(NodeRecord record, const SigningKey& key) {
  make_set(record.names);
  make_set(record.addresses);
  make_set(record.subnets);
  if (Identity::of(key) != record.identity) {
    return refused("expected to sign with the key of its own identity");
  }
  if (const std::string why = fault(record); !why.empty()) return refused(why);
  auto bytes = sign_body(kTag, encode_body(record), key);
  if (bytes.size() > kMaxRecordSize) {
    return refused("expected at most " + std::to_string(kMaxRecordSize) + " bytes, got " +
                   std::to_string(bytes.size()) +
                   ": it needs fewer or shorter names, addresses, subnets or endpoints");
  }
  // What others would refuse must not leave: a scope, host bits, a duplicate endpoint.
  const auto read_back = decode_record(bytes);
  if (!read_back) return read_back.error();
  if (read_back.value() != record) return refused("expected endpoints without a scope");
  return SignedRecord(std::move(record), std::move(bytes));
}

Result<SignedRecord> SignedRecord::open(Bytes bytes, std::string_view mesh) {
  auto record = decode_record(bytes);
  if (!record) return record.error();
  if (record->mesh != mesh) return refused("it is for another mesh");
  if (!signature_holds(kTag, bytes, record->identity.key)) {
    return refused("its signature is not its identity's");
  }
  return SignedRecord(std::move(*record), {bytes.begin(), bytes.end()});
}

RecordAge record_age(const Lifetime& life, UnixSeconds now) {
  if (life.issued > now + kClockTolerance) return RecordAge::of_the_future;
  return now >= life.expires + kClockTolerance ? RecordAge::expired : RecordAge::valid;
}

bool replaces(const SignedRecord& candidate, const SignedRecord& held) {
  const std::uint64_t version = candidate.record().version;
  if (version != held.record().version) return version > held.record().version;
  const Bytes a = held.bytes();
  const Bytes b = candidate.bytes();
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace xm
