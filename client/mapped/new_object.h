#pragma once
// The arguments of a put or create: checked by ObjectStore, then turned into what the engine takes.

#include <dolium/options.h>
#include <dolium/result.h>

#include "shm/os/monotonic_clock.h"
#include "shm/table/new_object.h"

namespace dolium::detail {

/// invalid_argument or too_large when the options are not valid.
[[nodiscard]] Result<void> check_options(const ObjectId& id, const CreateOptions& options);
/// As check_options(); also checks what a deferred put cannot do.
[[nodiscard]] Result<void> check_deferred(const ObjectId& id, std::uint64_t size, const CreateOptions& options);
/// The object as the engine takes it; views options.type_name and label. Precondition: check_options().
[[nodiscard]] shm::NewObject new_object(const ObjectId& id, std::uint64_t size, const CreateOptions& options) noexcept;

/// The error of a get that found nothing: not_found, or timed_out when it waited.
[[nodiscard]] Error nothing_there(const ObjectId& id, Timeout timeout);

[[nodiscard]] inline shm::TimeNs deadline_of(Timeout timeout, shm::TimeNs now) noexcept {
  if (timeout.is_forever()) return shm::kNever;
  return shm::deadline_after(now, static_cast<shm::TimeNs>(timeout.duration().count()));
}

}  // namespace dolium::detail
