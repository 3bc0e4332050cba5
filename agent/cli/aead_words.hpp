// What --aead takes, for every command that has it.
#pragma once

#include <string>
#include <vector>

#include "agent/crypto/aead.hpp"

namespace xm {

inline std::vector<std::string> aead_words() {
  std::vector<std::string> words{"auto"};
  for (const AeadKind kind : kAeadKinds) words.emplace_back(aead_name(kind));
  return words;
}

}  // namespace xm
