#include "shm/os/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

namespace dolium::shm {

void open_standard_streams(ClosedStreams how) noexcept {
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream) {
    if (::fcntl(stream, F_GETFD) != -1) continue;
    // The lowest number that is free is the stream's: those below it are open by now. Across exec, as streams are.
    const int flags = how == ClosedStreams::discard ? O_RDWR : stream == STDIN_FILENO ? O_WRONLY : O_RDONLY;
    if (::open("/dev/null", flags) >= 0) continue;  // NOLINT(android-cloexec-open)
    // A root without /dev. This can neither be read nor written.
    static_cast<void>(::open("/", O_PATH));  // NOLINT(android-cloexec-open)
  }
}

}  // namespace dolium::shm
