#include "shm/os/large_pages.h"

#include <cstdint>

#include "shm/os/basic_types.h"

namespace dolium::shm {

std::optional<std::span<std::byte>> LargePages::next() {
  for (Table& table : tables_) {
    const std::span<std::byte> all = table.in_use();
    const auto address = reinterpret_cast<std::uintptr_t>(all.data()) + table.named;
    const std::size_t begin = table.named + (round_up(address, kHugePageBytes) - address);
    if (begin + kHugePageBytes > all.size()) continue;
    table.named = begin + kHugePageBytes;
    return all.subspan(begin, kHugePageBytes);
  }
  return std::nullopt;
}

}  // namespace dolium::shm
