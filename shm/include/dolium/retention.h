#pragma once
// Retention: what happens to an object when its memory is needed.

#include <cstdint>
#include <string_view>

#include <dolium/export.h>

namespace dolium {

enum class Retention : std::uint8_t {
  store_default,  ///< as the store's configuration says ([spill] retention)
  cache,          ///< evicted: the object is gone
  keep,           ///< evicted: the object is on disk, and a get reads it back. Needs a spill tier ([spill] directory)
};

/// "cache", "keep" or "store_default".
[[nodiscard]] DOLIUM_API std::string_view to_string(Retention retention) noexcept;

}  // namespace dolium
