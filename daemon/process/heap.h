#pragma once
// What the two processes of doliumd do when operator new finds no memory. No code catches std::bad_alloc: no step of a
// state machine is left half done, and no exception passes through the C code of the event loop.
//
//   server   ends at once. The keeper restarts it on the same memory: recovery can continue from any instruction
//            (shm/store/store_recovery.cc), and the new process has a new heap.
//   keeper   waits for memory, once there is a store to keep. It must not end.

#include <string_view>

namespace dolium::daemon {

class LogWriter;

/// Exit status of a server to which the system has refused something that it needs. The keeper retries.
inline constexpr int kRefusedBySystem = 71;  // EX_OSERR

/// While it exists, the last lines of a process without memory go through this writer, with the time. Otherwise they go
/// to standard error, without the time.
class LinesWithoutMemory {
 public:
  explicit LinesWithoutMemory(LogWriter& writer) noexcept;
  LinesWithoutMemory(const LinesWithoutMemory&) = delete;
  LinesWithoutMemory& operator=(const LinesWithoutMemory&) = delete;
  ~LinesWithoutMemory();
};

/// Names a file that a process removes before it ends for lack of memory, because no other process will use it; "":
/// none. At most as long as a socket's name. Takes no memory.
void remove_without_memory(std::string_view path) noexcept;

/// Choose the behaviour of the whole process from here on. The first one ends it with this exit status.
void end_without_memory(int status) noexcept;
void wait_for_memory() noexcept;

}  // namespace dolium::daemon
