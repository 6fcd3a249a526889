#pragma once
// UniqueFd: owns a descriptor; raw descriptors are owned nowhere else. A resource: moves, never copies.
//
// It never owns descriptor 0, 1 or 2. If a program runs with a standard stream closed, the kernel gives its number to
// the next file, socket or memory segment. Text that the process prints is then written into it: a log line into the
// arena. So UniqueFd moves such a descriptor to a higher number.

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace dolium::shm {

class UniqueFd {
 public:
  UniqueFd() = default;
  /// The standard streams are below this.
  static constexpr int kFirst = 3;

  /// Takes ownership. A negative number means "no descriptor". A descriptor below kFirst is replaced by a copy above,
  /// with close-on-exec. If that fails, this is "no descriptor", and errno has the cause.
  explicit UniqueFd(int fd) noexcept : fd_(above_streams(fd)) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~UniqueFd() { reset(); }

  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] bool valid() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
  void reset(int fd = -1) noexcept {
    // close() is not retried on EINTR: on Linux the descriptor is gone either way.
    if (fd_ >= 0) ::close(fd_);
    fd_ = above_streams(fd);
  }
  /// Closes this descriptor and gives its number to `other`, so users of the number see no change. Precondition: both
  /// are valid. Returns false if the kernel refuses, which is not expected.
  // NOLINTNEXTLINE(readability-make-member-function-const): the number stays, but it names another file
  [[nodiscard]] bool replace_by(UniqueFd other) noexcept { return ::dup3(other.fd_, fd_, O_CLOEXEC) == fd_; }

 private:
  static int above_streams(int fd) noexcept {
    if (fd < 0 || fd >= kFirst) return fd;
    const int above = ::fcntl(fd, F_DUPFD_CLOEXEC, kFirst);
    const int reason = errno;
    ::close(fd);
    errno = reason;
    return above;
  }

  int fd_ = -1;
};

}  // namespace dolium::shm
