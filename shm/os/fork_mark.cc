#include "shm/os/fork_mark.h"

#include <sys/mman.h>

#include "shm/os/basic_types.h"
#include "shm/os/system_error.h"

namespace dolium::shm {

Result<ForkMark> ForkMark::create() {
  void* page = ::mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return system_error("map the page that detects fork()");
  ForkMark mark;
  mark.word_.reset(static_cast<const volatile int*>(page));
  if (::madvise(page, kPageBytes, MADV_WIPEONFORK) != 0)
    return system_error("make fork() clear a page (MADV_WIPEONFORK)");
  *static_cast<volatile int*>(page) = 1;
  return mark;
}

void ForkMark::claim() noexcept {
  *const_cast<volatile int*>(word_.get()) = 1;
}

void ForkMark::Unmap::operator()(const volatile int* page) const noexcept {
  ::munmap(const_cast<int*>(page), kPageBytes);
}

}  // namespace dolium::shm
