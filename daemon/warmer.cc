#include "daemon/warmer.h"

#include <memory>
#include <optional>

namespace dolium::daemon {

using shm::ArenaMemory;

void Warmer::go_on() {
  if (background_.busy()) return;
  const std::optional<ArenaMemory::Stretch> next = store_.memory().next_to_warm();
  if (!next) return;
  const auto warmth = std::make_shared<ArenaMemory::Warmth>();
  background_.start([this, stretch = *next, warmth] { *warmth = store_.memory().warm(stretch); },
                    [this, stretch = *next, warmth] {
                      store_.warmed(stretch, *warmth);
                      tell(*warmth);
                    });
}

void Warmer::tell(const ArenaMemory::Warmth& warmth) {
  if (!warmth.reserved) log_.warn("memory is not reserved ahead of use any more: {}", warmth.reserved.error().message);
  if (warmth.collapsed || std::exchange(told_of_small_pages_, true)) return;
  log_.info("the arena is not, or not all, in 2 MiB pages, and first touches take longer: {}",
            warmth.collapsed.error().message);
}

}  // namespace dolium::daemon
