#include "shm/table/grace.h"

#include <fmt/format.h>

namespace dolium::shm {

Result<void> check_grace(const ObjectId& id, const Grace& grace) {
  const auto refused = [&id](std::string_view why) {
    return Error{Errc::invalid_argument, fmt::format("object {} was given {}", id.hex(), why)};
  };
  if (grace.duration.count() < 0) return refused("a negative grace: give a duration above 0, or 0 for no grace");
  if (grace.duration > kMaxGrace)
    return refused(fmt::format("a grace of {} s; one hour is the limit: extend it later, or pin the object",
                               std::chrono::ceil<std::chrono::seconds>(grace.duration).count()));
  if (grace.readers == 0)
    return refused("a grace for 0 readers: it ends when a reader gets the object, so give 1 or more");
  if (!grace.any() && grace.readers != 1)
    return refused("a number of grace readers, but no grace: give a duration, too");
  return {};
}

}  // namespace dolium::shm
