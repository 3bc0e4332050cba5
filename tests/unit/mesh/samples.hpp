// Nodes, organisations and their statements for the tests of agent/mesh, the same in every run.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "agent/mesh/record.hpp"
#include "agent/mesh/statement.hpp"
#include "tests/unit/crypto/vectors.hpp"

namespace xm::test {

// 2027-01-15 08:00:00 UTC.
inline constexpr UnixSeconds kNow = 1'800'000'000;

// The key pair whose seed is 32 times `number`.
inline SigningKey key_number(std::uint8_t number) {
  return signing_key(key_of(Buffer(32, number)));
}
inline Identity identity_number(std::uint8_t number) {
  return Identity::of(key_number(number));
}

inline IpAddress address(const std::string& text) {
  return IpAddress::parse(text).value();
}
inline Prefix prefix(const std::string& text) {
  return Prefix::parse(text).value();
}
inline Endpoint endpoint(const std::string& text) {
  return Endpoint::parse(text).value();
}

// With every field that a record can have.
inline NodeRecord sample_record(std::uint8_t number = 1) {
  NodeRecord record;
  record.mesh = "office";
  record.identity = identity_number(number);
  record.version = 7;
  record.names = {"gate", "web-1"};
  record.salt = 3;
  record.addresses = {address("10.9.0.1"), address("fd00:9::1")};
  record.subnets = {prefix("2001:db8:4::/48"), prefix("192.168.4.0/24")};  // as IpAddress compares
  record.endpoints = {endpoint("203.0.113.9:51820"), endpoint("[2001:db8::9]:51820")};
  record.capabilities = 5;
  record.life = {kNow - kHour, kNow - kHour + kRecordLife};
  return record;
}

// With nothing in it that may be left out.
inline NodeRecord bare_record(std::uint8_t number = 1) {
  NodeRecord record;
  record.mesh = "office";
  record.identity = identity_number(number);
  record.life = {kNow, kNow + kRecordLife};
  return record;
}

inline SignedRecord signed_record(const NodeRecord& record, std::uint8_t number = 1) {
  auto made = SignedRecord::sign(record, key_number(number));
  REQUIRE_MESSAGE(made.ok(), (made.ok() ? "" : made.error().what));
  return std::move(made).value();
}

inline Buffer copy_of(Bytes bytes) {
  return {bytes.begin(), bytes.end()};
}

}  // namespace xm::test
