#pragma once
// Values that many tests of this folder use.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <dolium/object_id.h>

#include "shm/os/basic_types.h"

namespace dolium::shm::test {

inline constexpr std::uint64_t kKiB = std::uint64_t{1} << 10;
inline constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
inline constexpr TimeNs kSecond = 1'000'000'000;

[[nodiscard]] inline ObjectId id_of(std::uint64_t number) {
  return ObjectId::from_name("object " + std::to_string(number));
}

[[nodiscard]] inline bool all(std::span<const std::byte> bytes, int value) {
  return std::ranges::all_of(bytes, [value](std::byte each) { return each == static_cast<std::byte>(value); });
}

}  // namespace dolium::shm::test
