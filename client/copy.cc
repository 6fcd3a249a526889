#include <dolium/copy.h>

#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include "shm/check.h"
#include "shm/cores.h"

namespace dolium {
namespace {

/// Where parts begin: no two threads write to one line, nor, mostly, to one page.
constexpr std::size_t kPartAlignment = 4096;
static_assert(kParallelCopyBytes >= kMaxCopyThreads * kPartAlignment);

struct Part {
  std::byte* to;
  const std::byte* from;
  std::size_t bytes;
};

void* copy_part(void* argument) {
  const Part& part = *static_cast<const Part*>(argument);
  std::memcpy(part.to, part.from, part.bytes);
  return nullptr;
}

/// A thread that copies one part; where none can be had, the caller does it.
class Helper {
 public:
  explicit Helper(const Part& part) noexcept : part_(part), started_(start()) {}
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;
  ~Helper() {
    if (started_)
      pthread_join(thread_, nullptr);
    else
      copy_part(&part_);
  }

 private:
  [[nodiscard]] bool start() noexcept {
    // It inherits the mask: a handler of the program's must not run where it does not expect to.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const bool started = pthread_create(&thread_, nullptr, copy_part, &part_) == 0;
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return started;
  }

  Part part_;
  pthread_t thread_{};
  bool started_;
};

/// The caller takes the last part, while helpers are at work on the others, one in each stack frame.
void copy_in_parts(std::byte* to, const std::byte* from, std::size_t bytes, unsigned parts) noexcept {
  if (parts == 1) {
    std::memcpy(to, from, bytes);
    return;
  }
  const std::size_t first = bytes / parts / kPartAlignment * kPartAlignment;
  const Helper helper({to, from, first});
  copy_in_parts(to + first, from + first, bytes - first, parts - 1);
}

}  // namespace

void copy_bytes(std::span<std::byte> to, std::span<const std::byte> from, unsigned threads) noexcept {
  DOLIUM_CHECK(from.size() <= to.size(), "copy_bytes into less room than there are bytes");
  if (from.empty()) return;
  const bool small = from.size() < kParallelCopyBytes;
  const unsigned most = small ? 1 : threads == 0 ? std::min(shm::core_count(), kMaxCopyThreads) : threads;
  copy_in_parts(to.data(), from.data(), from.size(), std::clamp(most, 1U, kMaxCopyThreads));
}

}  // namespace dolium
