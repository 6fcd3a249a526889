#pragma once
// RawIo: how operations on descriptors are carried out: by io_uring, or by threads where io_uring is forbidden (a
// container's seccomp profile, the sysctl kernel.io_uring_disabled) or unknown.

#include <memory>
#include <string_view>
#include <vector>

#include "daemon/spill/file_layer.h"

namespace dolium::spill {

enum class IoChoice : std::uint8_t { automatic, io_uring, threads };

class RawIo {
 public:
  RawIo() = default;
  RawIo(const RawIo&) = delete;
  RawIo& operator=(const RawIo&) = delete;
  /// Precondition: nothing is under way.
  virtual ~RawIo() = default;

  /// At most IoQueue::kDepth operations are under way. `io.file` is kept open by the caller.
  virtual void submit(const Io& io, int fd) = 0;
  virtual void reap(std::vector<IoResult>& ended, bool wait) = 0;
  [[nodiscard]] virtual int event_fd() const noexcept = 0;
  /// "io_uring" or "threads".
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
};

[[nodiscard]] Result<std::unique_ptr<RawIo>> make_uring_io();
[[nodiscard]] Result<std::unique_ptr<RawIo>> make_thread_io();
/// automatic: io_uring, or threads if the kernel refuses it.
[[nodiscard]] Result<std::unique_ptr<RawIo>> make_raw_io(IoChoice choice);

}  // namespace dolium::spill
