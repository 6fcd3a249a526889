#pragma once
// Retention: what happens to an object when its memory is needed.

#include <cstdint>

#include <dolium/export.h>

namespace dolium {

enum class Retention : std::uint8_t {
  store_default,  ///< as the store's configuration says ([spill] retention)
  cache,          ///< evicted: the object is gone
  keep,           ///< evicted: the object is on disk, and a get reads it back. Needs a spill tier ([spill] directory)
};

}  // namespace dolium
