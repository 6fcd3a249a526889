#include "shm/os/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

namespace dolium::shm {

void open_standard_streams(ClosedStreams how) noexcept {
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream) {
    if (::fcntl(stream, F_GETFD) != -1) continue;
    // open() takes the lowest free number, which is this stream's: those below are open by now. Inherited by exec, as
    // streams are.
    const int flags = how == ClosedStreams::discard ? O_RDWR : stream == STDIN_FILENO ? O_WRONLY : O_RDONLY;
    if (::open("/dev/null", flags) >= 0) continue;  // NOLINT(android-cloexec-open): as streams are
    // This root directory has no /dev. A descriptor with O_PATH can be neither read nor written.
    static_cast<void>(::open("/", O_PATH));  // NOLINT(android-cloexec-open): likewise
  }
}

}  // namespace dolium::shm
