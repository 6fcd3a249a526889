#pragma once
// LargeVector: a vector that asks the kernel for huge pages (madvise) when it is large. A table of a million records is
// filled, and looked up, much faster with them: there are few page faults and TLB misses.

#include <cstddef>
#include <new>
#include <vector>

namespace dolium::spill {

/// Memory for `bytes`, aligned to `alignment`; from 4 MiB on in huge pages, if the kernel has any. Throws
/// std::bad_alloc.
[[nodiscard]] void* allocate_large(std::size_t bytes, std::size_t alignment);
void free_large(void* memory) noexcept;

template <class T>
struct LargeAllocator {
  using value_type = T;

  LargeAllocator() = default;
  template <class U>
  explicit LargeAllocator(const LargeAllocator<U>& /*other*/) noexcept {}

  [[nodiscard]] T* allocate(std::size_t count) {
    return static_cast<T*>(allocate_large(count * sizeof(T), alignof(std::max_align_t)));
  }
  void deallocate(T* memory, std::size_t /*count*/) noexcept { free_large(memory); }
  friend bool operator==(LargeAllocator, LargeAllocator) noexcept { return true; }
};

template <class T>
using LargeVector = std::vector<T, LargeAllocator<T>>;

}  // namespace dolium::spill
