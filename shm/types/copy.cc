#include <dolium/copy.h>

#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <optional>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "shm/os/check.h"
#include "shm/os/cores.h"
#include "shm/os/monotonic_clock.h"

namespace dolium {
namespace {

/// What a thread takes at a time: so much that two hardly ever write to one line, or page.
constexpr std::size_t kPieceBytes = 256 * 1024;
/// What the caller copies alone, to see how fast that goes.
constexpr std::size_t kTrialBytes = 1024 * 1024;
static_assert(kTrialBytes < kParallelCopyBytes);
/// What takes the caller less is done before a helper, that is to be started and waited for, has saved any time.
constexpr shm::TimeNs kWorthHelp = 250'000;

/// memcpy that leaves the caches alone: what it writes goes straight to memory, and is not read from there first, as a
/// line must be that is changed in a cache. (Non-temporal stores: Intel's Optimization Reference Manual. memcpy itself
/// uses them above many times what a core has of the caches.) Where a page is, is looked up two pages ahead: in a
/// virtual machine that takes two page tables, and for memory in 4 KiB pages was most of the time (measured: 5 to 14
/// GB/s).
void stream(std::byte* to, std::span<const std::byte> from) noexcept {
#ifdef __SSE2__
  constexpr std::size_t kLine = 64;
  constexpr std::size_t kPage = 4096;
  const std::size_t head = std::min((kLine - reinterpret_cast<std::uintptr_t>(to) % kLine) % kLine, from.size());
  std::memcpy(to, from.data(), head);
  std::size_t at = head;
  for (; at + kLine <= from.size(); at += kLine) {
    if (at % kPage < kLine) {
      const std::size_t ahead = std::min(at + 2 * kPage, from.size() - 1);
      __builtin_prefetch(from.data() + ahead);
      __builtin_prefetch(to + ahead);
    }
    auto* const out = reinterpret_cast<__m128i*>(to + at);
    const auto* const in = reinterpret_cast<const __m128i*>(from.data() + at);
    const __m128i line[] = {_mm_loadu_si128(in), _mm_loadu_si128(in + 1), _mm_loadu_si128(in + 2),
                            _mm_loadu_si128(in + 3)};
    _mm_stream_si128(out, line[0]);
    _mm_stream_si128(out + 1, line[1]);
    _mm_stream_si128(out + 2, line[2]);
    _mm_stream_si128(out + 3, line[3]);
  }
  _mm_sfence();  // such stores heed no lock and no release
  std::memcpy(to + at, from.data() + at, from.size() - at);
#else
  std::memcpy(to, from.data(), from.size());
#endif
}

/// Of which whoever comes copies one after the other: who is late, or loses its core, does less.
class Pieces {
 public:
  Pieces(std::byte* to, std::span<const std::byte> from) noexcept : to_(to), from_(from) {}

  /// Until none is left.
  void work() noexcept {
    for (std::size_t at = take(); at < from_.size(); at = take())
      stream(to_ + at, from_.subspan(at, std::min(kPieceBytes, from_.size() - at)));
  }

 private:
  [[nodiscard]] std::size_t take() noexcept { return next_.fetch_add(kPieceBytes, std::memory_order_relaxed); }

  std::byte* to_;
  std::span<const std::byte> from_;
  std::atomic<std::size_t> next_ = 0;
};

/// A thread that takes part, until nothing is left; where none can be had, the others do it all.
class Helper {
 public:
  explicit Helper(Pieces& pieces) noexcept : started_(start(pieces)) {}
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;
  ~Helper() {
    if (started_) pthread_join(thread_, nullptr);
  }

 private:
  [[nodiscard]] bool start(Pieces& pieces) noexcept {
    const auto work = [](void* argument) -> void* {
      static_cast<Pieces*>(argument)->work();
      return nullptr;
    };
    // It inherits the mask: a handler of the program's must not run where it does not expect to.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const bool started = pthread_create(&thread_, nullptr, work, &pieces) == 0;
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return started;
  }

  pthread_t thread_{};
  bool started_;
};

void copy_with_helpers(std::byte* to, std::span<const std::byte> from, std::size_t most) noexcept {
  const shm::TimeNs begun = shm::monotonic_now();
  stream(to, from.first(kTrialBytes));
  const shm::TimeNs trial = std::min(shm::monotonic_now() - begun, kMaxCopyThreads * kWorthHelp);  // more asks for all
  Pieces rest(to + kTrialBytes, from.subspan(kTrialBytes));
  // One for each kWorthHelp that the rest would take the caller.
  const std::uint64_t wanted = trial * (from.size() - kTrialBytes) / kTrialBytes / kWorthHelp;
  std::array<std::optional<Helper>, kMaxCopyThreads - 1> helpers;  // waits for them when it goes
  for (std::size_t i = 0; i < std::min<std::uint64_t>(wanted, most); ++i) helpers[i].emplace(rest);
  rest.work();
}

}  // namespace

void copy_bytes(std::span<std::byte> to, std::span<const std::byte> from, unsigned threads) noexcept {
  DOLIUM_CHECK(from.size() <= to.size(), "copy_bytes into less room than there are bytes");
  if (from.empty()) return;
  if (from.size() < kParallelCopyBytes) {
    std::memcpy(to.data(), from.data(), from.size());
    return;
  }
  const unsigned most = std::clamp(threads == 0 ? shm::core_count() : threads, 1U, kMaxCopyThreads);
  if (most == 1)
    stream(to.data(), from);
  else
    copy_with_helpers(to.data(), from, most - 1);
}

}  // namespace dolium
