#pragma once
// What every implementation of ObjectStore does with its arguments before anything else.

#include <dolium/options.h>
#include <dolium/result.h>

#include "shm/os/monotonic_clock.h"
#include "shm/table/new_object.h"

namespace dolium::detail {

/// The options as the engine takes them; invalid_argument or too_large when they make no sense. The result views
/// options.type_name.
[[nodiscard]] Result<shm::NewObject> new_object(const ObjectId& id, std::uint64_t size, const CreateOptions& options);

/// Why a get came back with nothing: not_found, or timed_out when it waited.
[[nodiscard]] Error nothing_there(const ObjectId& id, Timeout timeout);

[[nodiscard]] inline shm::TimeNs deadline_of(Timeout timeout, shm::TimeNs now) noexcept {
  if (timeout.is_forever()) return shm::kNever;
  return shm::deadline_after(now, static_cast<shm::TimeNs>(timeout.duration().count()));
}

}  // namespace dolium::detail
