// Records and statements from outside: whatever is decoded has one spelling and is within its
// bounds, and nothing that was not signed is opened.
#include <cstdlib>

#include "agent/mesh/names.hpp"
#include "agent/mesh/record.hpp"
#include "agent/mesh/statement.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

const xm::SigningKey& key() {
  static const xm::SigningKey key = xm::signing_key(xm::Key());
  return key;
}

void check_record(xm::Bytes bytes) {
  const auto decoded = xm::decode_record(bytes);
  if (!decoded) {
    require(!xm::SignedRecord::open(bytes, "office"));
    return;
  }
  xm::NodeRecord record = decoded.value();
  require(xm::is_mesh_name(record.mesh) && record.version != 0);
  require(record.life.is_sound() && record.life.length() <= xm::kMostRecordLife);
  require(record.endpoints.size() <= xm::kMaxRecordEndpoints);
  // Signed by its identity, the same fields have the same bytes before the signature.
  record.identity = xm::Identity::of(key());
  const auto made = xm::SignedRecord::sign(record, key());
  require(made.ok());
  const auto opened = xm::SignedRecord::open(made.value().bytes(), record.mesh);
  require(opened.ok() && opened.value().record() == record);
  require(made.value().bytes().size() == bytes.size());
}

void check_statement(xm::Bytes bytes) {
  const auto decoded = xm::decode_statement(bytes);
  for (const auto kind : {xm::StatementKind::alive, xm::StatementKind::leave}) {
    const auto opened = xm::SignedStatement::open(kind, bytes, "office");
    require(!opened || (decoded && opened.value().statement() == decoded.value()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check_record({data, size});
  check_statement({data, size});
  return 0;
}
