#pragma once
// Standard streams of a process that was started without some of them (`doliumd 2>&-`). Their numbers must be occupied:
// else the next file or memory segment gets one of them, and printed text is written into it.

#include <cstdint>

namespace dolium::shm {

enum class ClosedStreams : std::uint8_t {
  discard,  ///< for a daemon: output is discarded, and reading gives end of file
  refuse,   ///< for a command: reading and writing fail, as with a closed stream
};

/// Opens each of the descriptors 0, 1 and 2 that is closed. Call it first in a program, while there is one thread.
/// Allocates no memory. If even / cannot be opened (no descriptors left), they stay closed.
void open_standard_streams(ClosedStreams how) noexcept;

}  // namespace dolium::shm
