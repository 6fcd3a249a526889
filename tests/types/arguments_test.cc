#include "shm/text/arguments.h"

#include <catch2/catch.hpp>

using namespace dolium;
using Words = std::vector<std::string>;

namespace {

/// In the order in which people read them.
Words arguments(std::vector<const char*> argv) {
  argv.insert(argv.begin(), "program");
  const Words words = arguments_for_cli11(static_cast<int>(argv.size()), argv.data());
  return {words.rbegin(), words.rend()};
}

}  // namespace

TEST_CASE("an empty value is a word of its own, and takes nobody else's") {
  CHECK(arguments({"--group=", "--readers=*"}) == Words{"--group", "", "--readers=*"});
  CHECK(arguments({"--a=b=", "-o=", "x="}) == Words{"--a=b=", "-o=", "x="});
  CHECK(arguments({"--", "--name="}) == Words{"--", "--name="});
  CHECK(arguments({}).empty());
}
