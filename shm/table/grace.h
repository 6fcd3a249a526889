#pragma once
// Grace: for how long, and for how many readers, an object is kept for clients that are about to get it. See
// shm/store/graces.h.

#include <chrono>
#include <cstdint>

#include <dolium/object_id.h>
#include <dolium/options.h>
#include <dolium/result.h>

namespace dolium::shm {

struct Grace {
  std::chrono::milliseconds duration{0};  ///< from the seal, or from the extension; 0: none
  std::uint32_t readers = 1;              ///< number of sessions whose gets end it
  bool own_gets = false;                  ///< gets of the session that gave it count, too

  [[nodiscard]] bool any() const noexcept { return duration.count() != 0; }
};

/// invalid_argument if the grace is negative, longer than kMaxGrace, or for no reader; also if `readers` is given
/// without a grace.
[[nodiscard]] Result<void> check_grace(const ObjectId& id, const Grace& grace);

}  // namespace dolium::shm
