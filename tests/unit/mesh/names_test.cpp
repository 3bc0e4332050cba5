#include "agent/mesh/names.hpp"

#include <doctest/doctest.h>

#include <string>

namespace xm {

TEST_CASE("names: a mesh's name") {
  for (const char* name : {"a", "office", "eu-west-1", "4u", "a-"}) CHECK(is_mesh_name(name));
  CHECK(is_mesh_name(std::string(32, 'a')));
  CHECK_FALSE(is_mesh_name(std::string(33, 'a')));
  for (const char* name : {"", "-a", "Office", "a.b", "a b", "a_b", "\xc3\xa4"}) {
    CHECK_FALSE(is_mesh_name(name));
  }
}

TEST_CASE("names: a node's name is a DNS label in lower case") {
  for (const char* name : {"a", "web-1", "1st", "x--y"}) CHECK(is_node_name(name));
  CHECK(is_node_name(std::string(63, 'a')));
  CHECK_FALSE(is_node_name(std::string(64, 'a')));
  for (const char* name : {"", "-a", "a-", "Web", "a.b", "*", "a\n"})
    CHECK_FALSE(is_node_name(name));
}

TEST_CASE("names: a pattern ends with a star or is a name") {
  for (const char* pattern : {"*", "web-*", "w*", "web-1"}) CHECK(is_name_pattern(pattern));
  for (const char* pattern : {"", "**", "*-web", "we*b", "-*", "Web*", "web-"}) {
    CHECK_FALSE(is_name_pattern(pattern));
  }
}

TEST_CASE("names: a pattern covers what it stands for and nothing else") {
  CHECK(pattern_covers("*", "anything"));
  CHECK(pattern_covers("*", "web-*"));
  CHECK(pattern_covers("web-*", "web-1"));
  CHECK(pattern_covers("web-*", "web-1*"));
  CHECK(pattern_covers("web-*", "web-*"));
  CHECK(pattern_covers("web", "web"));
  CHECK_FALSE(pattern_covers("web-*", "web"));
  CHECK_FALSE(pattern_covers("web-*", "we*"));
  CHECK_FALSE(pattern_covers("web-*", "*"));
  CHECK_FALSE(pattern_covers("web", "web-1"));
  CHECK_FALSE(pattern_covers("web", "web*"));
}

}  // namespace xm
