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

/// Size of the piece that a thread takes at a time: large enough that two threads rarely write to one page.
constexpr std::size_t kPieceBytes = 256 * 1024;
/// Number of bytes that the caller copies alone first, to measure the speed.
constexpr std::size_t kTrialBytes = 1024 * 1024;
static_assert(kTrialBytes < kParallelCopyBytes);
/// Copying time, in ns, that is worth a helper thread. A shorter copy ends before a helper has started and saved time.
constexpr shm::TimeNs kWorthHelp = 250'000;

/// memcpy that bypasses the caches: it writes straight to memory, without first reading each line into a cache.
/// (Non-temporal stores: Intel's Optimization Reference Manual. memcpy itself uses them only for sizes many times a
/// core's share of the caches.) Prefetches the addresses two pages ahead: in a virtual machine, address translation
/// walks two page tables, and for memory in 4 KiB pages it took most of the time (measured: the prefetch raised 5 GB/s
/// to 14 GB/s).
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
  _mm_sfence();  // non-temporal stores are not ordered by locks or release stores
  std::memcpy(to + at, from.data() + at, from.size() - at);
#else
  std::memcpy(to, from.data(), from.size());
#endif
}

/// The pieces of a copy. Each thread takes the next one, so a slow or late thread copies fewer.
class Pieces {
 public:
  Pieces(std::byte* to, std::span<const std::byte> from) noexcept : to_(to), from_(from) {}

  /// Copies pieces until none is left.
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

/// A thread that copies pieces until none is left. If it cannot be started, the other threads copy everything.
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
    // The thread inherits the signal mask: the program's signal handlers must not run on a thread that the program does
    // not know.
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
  const shm::TimeNs trial = std::min(shm::monotonic_now() - begun,
                                     kMaxCopyThreads * kWorthHelp);  // a longer time calls for all helpers anyway
  Pieces rest(to + kTrialBytes, from.subspan(kTrialBytes));
  // One helper for each kWorthHelp that the caller would need for the rest.
  const std::uint64_t wanted = trial * (from.size() - kTrialBytes) / kTrialBytes / kWorthHelp;
  std::array<std::optional<Helper>, kMaxCopyThreads - 1> helpers;  // joined by their destructors
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
