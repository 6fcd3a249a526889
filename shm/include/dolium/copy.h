#pragma once
// copy_bytes: memcpy for what is larger than a core's caches: past them, and by more than one core.

#include <cstddef>
#include <span>

#include <dolium/export.h>

namespace dolium {

/// Below this it is memcpy: the caches hold it, and starting another thread takes as long as copying some hundred KiB.
inline constexpr std::size_t kParallelCopyBytes = 2 * 1024 * 1024;
/// More do not help: by then the memory is the limit.
inline constexpr unsigned kMaxCopyThreads = 4;

/// Copies `from` to the beginning of `to`, which must have room for it and not overlap. From kParallelCopyBytes on by
/// non-temporal stores (measured: 27 GB/s where memcpy has 20), and with several threads, which are gone when it
/// returns, where the first MiB shows that the caller alone would take some hundred microseconds: on many machines one
/// core does not use all that the memory gives (measured: 12 GB/s of 26), on others it does. `threads`: at most as
/// many, 0 for one on each core that this process may use, up to kMaxCopyThreads. Signals are delivered to other
/// threads than these.
DOLIUM_API void copy_bytes(std::span<std::byte> to, std::span<const std::byte> from, unsigned threads = 0) noexcept;

}  // namespace dolium
