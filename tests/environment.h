#pragma once
// Environment variables that change a test: DOLIUM_SEED replays a randomised test, others change its length.

#include <cstdint>
#include <cstdlib>

namespace dolium::test {

[[nodiscard]] inline std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
  const char* given = std::getenv(name);
  return given != nullptr ? std::strtoull(given, nullptr, 0) : otherwise;
}

}  // namespace dolium::test
