#pragma once
// ForkMark: detects that this process is a forked child of the process that created the mark. It is one word on a page
// that the kernel clears in each forked child (MADV_WIPEONFORK), so the test costs a load instead of getpid(). A
// resource: moves.

#include <memory>

#include <dolium/result.h>

namespace dolium::shm {

class ForkMark {
 public:
  [[nodiscard]] static Result<ForkMark> create();
  /// True in a process that was forked since create() or claim().
  [[nodiscard]] bool is_child() const noexcept { return *word_ == 0; }
  /// Makes this process the owner of the mark: is_child() is false here, and true in its later children.
  void claim() noexcept;

 private:
  struct Unmap {
    void operator()(const volatile int* page) const noexcept;
  };
  std::unique_ptr<const volatile int, Unmap> word_;
};

}  // namespace dolium::shm
