#pragma once
// ForkMark: knows whether this process is still the one that made it. One word on a page that the kernel clears
// in a forked child (MADV_WIPEONFORK), and in the child's children again: asking costs a load, not a getpid(). A
// resource: moves.

#include <memory>

#include <dolium/result.h>

namespace dolium::shm {

class ForkMark {
 public:
  [[nodiscard]] static Result<ForkMark> create();
  /// True in a child that came from fork() since create().
  [[nodiscard]] bool is_child() const noexcept { return *word_ == 0; }
  /// From now on this process counts as the one that made it, until it forks in its turn.
  void claim() noexcept;

 private:
  struct Unmap {
    void operator()(const volatile int* page) const noexcept;
  };
  std::unique_ptr<const volatile int, Unmap> word_;
};

}  // namespace dolium::shm
