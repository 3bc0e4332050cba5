#include "agent/mesh/signed_bytes.hpp"

#include <doctest/doctest.h>

#include "tests/unit/mesh/samples.hpp"

namespace xm {

TEST_CASE("signed bytes: a signature serves its tag, its body and its key alone") {
  const SigningKey key = test::key_number(1);
  const auto body = test::noise(20, 1);
  const auto signed_bytes = sign_body("one", body, key);
  CHECK(signed_bytes.size() == 20 + kSignatureSize);
  CHECK(signature_holds("one", signed_bytes, verify_key(key)));
  CHECK_FALSE(signature_holds("on", signed_bytes, verify_key(key)));
  CHECK_FALSE(signature_holds("two", signed_bytes, verify_key(key)));
  CHECK_FALSE(signature_holds("one", signed_bytes, verify_key(test::key_number(2))));
  CHECK_FALSE(signature_holds("one", Bytes(signed_bytes).first(83), verify_key(key)));
  CHECK_FALSE(signature_holds("one", Bytes(signed_bytes).first(10), verify_key(key)));
}

TEST_CASE("signed bytes: tag and body do not run into each other") {
  const SigningKey key = test::key_number(1);
  const auto of = [&](std::string_view tag, std::string_view body) {
    return sign_body(tag, bytes_of(body), key);
  };
  const auto signed_bytes = of("tag", "gedbody");
  CHECK_FALSE(signature_holds("tagged", Bytes(signed_bytes).subspan(3), verify_key(key)));
}

}  // namespace xm
