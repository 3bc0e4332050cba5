#include "agent/crypto/secret_text.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace xm {

TEST_CASE("secret text: wiping empties it and leaves zeroes where the text was") {
  SecretText text(100, 'k');
  const char* memory = text.data();
  wipe(text);
  CHECK(text.empty());
  CHECK(std::all_of(memory, memory + 100, [](char c) { return c == 0; }));
}

}  // namespace xm
