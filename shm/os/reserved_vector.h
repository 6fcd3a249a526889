#pragma once
// ReservedVector: a vector whose elements never move, because it reserves the addresses for its maximum size at the
// start. It uses memory only for elements that were written. So a table grows in place: growth copies nothing in the
// middle of a request, and leaves no slack, unlike a vector that grows by half.
//
// If the addresses cannot be reserved (a limit on the address space), construction throws std::bad_alloc. Growth never
// fails.

#include <sys/mman.h>

#include <cstddef>
#include <new>
#include <vector>

namespace dolium::shm {

/// Allocates address space only. The kernel assigns memory at the first touch, so a million times the used size may be
/// reserved.
template <class T>
struct AddressAllocator {
  using value_type = T;

  AddressAllocator() = default;
  template <class U>
  explicit AddressAllocator(const AddressAllocator<U>& /*other*/) noexcept {}

  [[nodiscard]] T* allocate(std::size_t count) {
    constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void* memory = ::mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE, kFlags, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, std::size_t count) noexcept { ::munmap(memory, count * sizeof(T)); }
  friend bool operator==(AddressAllocator, AddressAllocator) noexcept { return true; }
};

/// Create it with reserved_vector(). It can grow up to the number given there.
template <class T>
using ReservedVector = std::vector<T, AddressAllocator<T>>;

template <class T>
[[nodiscard]] ReservedVector<T> reserved_vector(std::size_t most) {
  ReservedVector<T> vector;
  vector.reserve(most);
  return vector;
}

}  // namespace dolium::shm
