#pragma once
// How long a test goes on that could go on for ever: a number that scripts/torture raises.

#include <cstdlib>

namespace dolium::e2e {

[[nodiscard]] inline int from_environment(const char* name, int otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::atoi(value);
}

}  // namespace dolium::e2e
