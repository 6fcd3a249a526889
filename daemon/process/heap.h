#pragma once
// What the two halves of doliumd do when operator new finds no memory. Nobody catches std::bad_alloc here: no step of a
// state machine is left half done, and no exception passes through the event loop's C.
//
//   server   ends where it stands. Another goes on with every sealed object: the store's memory is made to be found in
//            the middle of anything (shm/store/store_recovery.cc), and a new heap is what was missing.
//   keeper   waits until there is some, once there is a store to be kept. It must not end, and without memory there is
//            nothing that it could do.

#include <string_view>

namespace dolium::daemon {

class LogWriter;

/// What a server exits with that the system has refused something it cannot do without. Another may have more luck.
inline constexpr int kRefusedBySystem = 71;  // EX_OSERR

/// While it lives, the lines of a process without memory go through this writer, with the time; else to standard error,
/// without.
class LinesWithoutMemory {
 public:
  explicit LinesWithoutMemory(LogWriter& writer) noexcept;
  LinesWithoutMemory(const LinesWithoutMemory&) = delete;
  LinesWithoutMemory& operator=(const LinesWithoutMemory&) = delete;
  ~LinesWithoutMemory();
};

/// A file that a process which ends without memory removes first, for nobody would go on with it; "": none (any more).
/// No longer than a socket's name may be. Takes no memory.
void remove_without_memory(std::string_view path) noexcept;

/// For the whole process from here on. The first with this exit status.
void end_without_memory(int status) noexcept;
void wait_for_memory() noexcept;

}  // namespace dolium::daemon
