#pragma once
// copy_bytes: memcpy for what is larger than the caches, by more than one core.

#include <cstddef>
#include <span>

#include <dolium/export.h>

namespace dolium {

/// Below this one core is as fast: starting another thread takes as long as copying some hundred KiB.
inline constexpr std::size_t kParallelCopyBytes = 2 * 1024 * 1024;
/// More do not help: by then the memory is the limit.
inline constexpr unsigned kMaxCopyThreads = 4;

/// Copies `from` to the beginning of `to`, which must have room for it and not overlap. From kParallelCopyBytes on with
/// several threads, which are gone when it returns: one core does not use all that the memory gives (measured: 12 GB/s
/// of 26). `threads`: at most as many, 0 for one on each core that this process may use, up to kMaxCopyThreads. Signals
/// are delivered to other threads than these.
DOLIUM_API void copy_bytes(std::span<std::byte> to, std::span<const std::byte> from, unsigned threads = 0) noexcept;

}  // namespace dolium
