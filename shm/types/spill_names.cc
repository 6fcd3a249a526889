// The words for what the spill tier does with objects.

#include <dolium/metadata.h>
#include <dolium/retention.h>
#include <dolium/stats.h>

namespace dolium {

std::string_view to_string(Retention retention) noexcept {
  switch (retention) {
    case Retention::store_default: return "store_default";
    case Retention::cache: return "cache";
    case Retention::keep: return "keep";
  }
  return "unknown";
}

std::string_view to_string(ObjectPlace place) noexcept {
  switch (place) {
    case ObjectPlace::memory: return "memory";
    case ObjectPlace::memory_and_disk: return "memory_and_disk";
    case ObjectPlace::disk: return "disk";
    case ObjectPlace::reading_back: return "reading_back";
  }
  return "unknown";
}

std::string_view to_string(SpillTierState state) noexcept {
  switch (state) {
    case SpillTierState::absent: return "absent";
    case SpillTierState::catalogue: return "catalogue";
    case SpillTierState::ready: return "ready";
    case SpillTierState::full: return "full";
    case SpillTierState::read_only: return "read_only";
    case SpillTierState::failed: return "failed";
    case SpillTierState::stalled: return "stalled";
  }
  return "unknown";
}

}  // namespace dolium
