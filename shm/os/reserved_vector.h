#pragma once
// ReservedVector: a vector whose elements never move, because the addresses for all that it may ever hold are its own
// from the beginning. Memory it takes only where it is written. So a table grows in place: nothing is copied in the
// middle of somebody's request, and no slack is paid for, which a vector that grows by half has.
//
// Addresses that cannot be had (a limit on the address space) are a std::bad_alloc when it is made, never later.

#include <sys/mman.h>

#include <cstddef>
#include <new>
#include <vector>

namespace dolium::shm {

/// The kernel's memory, promised to nobody before it is touched: a million times what is used may be reserved.
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

/// Made by reserved_vector(); grows up to the number given there.
template <class T>
using ReservedVector = std::vector<T, AddressAllocator<T>>;

template <class T>
[[nodiscard]] ReservedVector<T> reserved_vector(std::size_t most) {
  ReservedVector<T> vector;
  vector.reserve(most);
  return vector;
}

}  // namespace dolium::shm
