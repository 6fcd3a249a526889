#include "client/mapped/new_object.h"

#include <fmt/format.h>

namespace dolium::detail {

Result<void> check_options(const ObjectId& id, const CreateOptions& options) {
  auto allowed = shm::check_description(id, options.metadata.size(), options.type_name, options.label);
  if (!allowed) return allowed;
  if (options.time_to_live.count() < 0 || options.time_to_idle.count() < 0)
    return Error{Errc::invalid_argument,
                 fmt::format("object {} was given a negative time to live or to idle: 0 means for ever", id.hex())};
  if (options.grace.count() == 0 && options.grace_readers == 1) return {};  // as most are
  return shm::check_grace(id, {.duration = options.grace, .readers = options.grace_readers});
}

Result<void> check_deferred(const ObjectId& id, std::uint64_t size, const CreateOptions& options) {
  if (size > kInlinePutLimit)
    return Error{Errc::too_large, fmt::format("object {} has {} bytes; a deferred put carries {} at most: use put()",
                                              id.hex(), size, kInlinePutLimit)};
  if (!options.timeout.is_no_wait())
    return Error{Errc::invalid_argument, fmt::format("the put of object {} is deferred: it cannot wait for room; "
                                                     "use put() for a timeout",
                                                     id.hex())};
  return check_options(id, options);
}

shm::NewObject new_object(const ObjectId& id, std::uint64_t size, const CreateOptions& options) noexcept {
  return shm::NewObject{.id = id,
                        .data_size = size,
                        .metadata_size = static_cast<std::uint32_t>(options.metadata.size()),
                        .type_tag = options.type_tag,
                        .type_name = options.type_name,
                        .pinned = options.pinned,
                        .lifetimes = {options.time_to_live, options.time_to_idle},
                        .label = options.label,
                        .grace = {.duration = options.grace, .readers = options.grace_readers},
                        .retention = options.retention};
}

Error nothing_there(const ObjectId& id, Timeout timeout) {
  if (timeout.is_no_wait())
    return {Errc::not_found,
            fmt::format("there is no sealed object {}: it was not put yet, or is gone (removed, evicted, "
                        "expired); with a timeout, get waits for it",
                        id.hex())};
  return {Errc::timed_out, fmt::format("nobody sealed object {} in time: `dolium inspect` tells whether somebody is "
                                       "writing it",
                                       id.hex())};
}

}  // namespace dolium::detail
