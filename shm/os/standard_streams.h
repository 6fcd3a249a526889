#pragma once
// The standard streams of a process that was started without some of them (`doliumd 2>&-`): something has to have their
// numbers, or the next file or memory segment gets one, and what is printed lands in there.

#include <cstdint>

namespace dolium::shm {

enum class ClosedStreams : std::uint8_t {
  discard,  ///< for a daemon: what is printed is lost, and nothing can be read
  refuse,   ///< for a command: to read or write one fails, as it does with a closed one
};

/// Opens each of the descriptors 0, 1 and 2 that is closed. First thing in a program, while it has one thread. Takes no
/// memory. Where even / cannot be opened (there are no descriptors at all), they stay closed.
void open_standard_streams(ClosedStreams how) noexcept;

}  // namespace dolium::shm
