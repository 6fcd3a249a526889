#pragma once
// copy_bytes: memcpy for data larger than a core's caches: with non-temporal stores, and on more than one core.

#include <cstddef>
#include <span>

#include <dolium/export.h>

namespace dolium {

/// Smaller copies are a plain memcpy, in bytes: the caches hold them, and starting a thread takes as long as copying
/// several hundred KiB.
inline constexpr std::size_t kParallelCopyBytes = 2 * 1024 * 1024;
/// Maximum number of threads of one copy: more do not help, memory bandwidth is the limit.
inline constexpr unsigned kMaxCopyThreads = 4;

/// Copies `from` to the beginning of `to`, which must be large enough and must not overlap. From kParallelCopyBytes on
/// it uses non-temporal stores (measured: 27 GB/s, memcpy 20). It starts more threads if the first MiB shows that one
/// thread would take several hundred microseconds: on many machines one core cannot use the whole memory bandwidth
/// (measured: 12 of 26 GB/s). All threads have ended when it returns; they take no signals. `threads`: maximum number
/// of threads; 0: one per usable core, at most kMaxCopyThreads.
DOLIUM_API void copy_bytes(std::span<std::byte> to, std::span<const std::byte> from, unsigned threads = 0) noexcept;

}  // namespace dolium
