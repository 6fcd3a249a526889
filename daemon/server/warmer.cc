#include "daemon/server/warmer.h"

#include <memory>
#include <optional>

namespace dolium::daemon {

using shm::ArenaMemory;

void Warmer::go_on() {
  if (background_.busy() || !store_.rows().config.prefault) return;
  if (const auto stretch = store_.rows().memory.next_to_warm())
    warm(*stretch);
  else if (const auto table = store_.room().next_large_page())
    enlarge(*table);
}

void Warmer::warm(const ArenaMemory::Stretch& stretch) {
  const auto warmth = std::make_shared<ArenaMemory::Warmth>();
  background_.start([this, stretch, warmth] { *warmth = store_.rows().memory.warm(stretch); },
                    [this, stretch, warmth] {
                      store_.room().warmed(stretch, *warmth);
                      tell(*warmth);
                    });
}

void Warmer::enlarge(std::span<std::byte> table) {
  const auto enlarged = std::make_shared<Result<void>>();
  background_.start([table, enlarged] { *enlarged = shm::make_large_pages(table); },
                    [this, enlarged] {
                      if (!*enlarged) tell_of_small_pages("the tables are", "look-ups", enlarged->error());
                    });
}

void Warmer::tell(const ArenaMemory::Warmth& warmth) {
  if (!warmth.reserved) log_.warn("memory is no longer reserved ahead of its use: {}", warmth.reserved.error().message);
  if (!warmth.collapsed) tell_of_small_pages("the arena is", "first touches", warmth.collapsed.error());
}

void Warmer::tell_of_small_pages(const char* what, const char* slow, const Error& why) {
  if (std::exchange(told_of_small_pages_, true)) return;
  log_.info("{} not, or only in part, in 2 MiB pages, so {} are slower: {}", what, slow, why.message);
}

}  // namespace dolium::daemon
