#include "tests/e2e/recount.h"

#include <algorithm>

namespace dolium::e2e {

std::uint64_t taken_by(const ObjectMetadata& object) {
  constexpr std::uint64_t kUnit = 64;
  const std::uint64_t size = object.data_size + object.metadata_size + object.type_name.size() + object.label.size();
  return (std::max<std::uint64_t>(size, 1) + kUnit - 1) / kUnit * kUnit;
}

Census recount(const Daemon& daemon, const Census& empty) {
  Census counted = empty;
  const std::vector<ObjectMetadata> objects = daemon.watcher()->list().value();
  for (const ObjectMetadata& object : objects) {
    if (object.state == ObjectState::unsealed) continue;
    counted.objects += 1;
    counted.used_bytes += taken_by(object);
    counted.pinned += object.is_pinned ? 1 : 0;
    counted.pinned_bytes += object.is_pinned ? taken_by(object) : 0;
  }
  return counted;
}

}  // namespace dolium::e2e
