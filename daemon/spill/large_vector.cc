#include "daemon/spill/large_vector.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>

namespace dolium::spill {
namespace {

constexpr std::size_t kHugeBytes = std::size_t{2} << 20;

}  // namespace

void* allocate_large(std::size_t bytes, std::size_t alignment) {
  const bool is_large = bytes >= 2 * kHugeBytes;
  void* memory = nullptr;
  if (::posix_memalign(&memory, is_large ? std::max(alignment, kHugeBytes) : alignment, bytes) != 0)
    throw std::bad_alloc();
  // Advice: without huge pages it works, too.
  if (is_large) static_cast<void>(::madvise(memory, bytes / kHugeBytes * kHugeBytes, MADV_HUGEPAGE));
  return memory;
}

void free_large(void* memory) noexcept {
  std::free(memory);
}

}  // namespace dolium::spill
