#pragma once
// UniqueFd: the only place where a raw descriptor lives. A resource: moves, never copies.
//
// It never owns descriptor 0, 1 or 2. Where a program runs with a standard stream closed, the kernel gives that number
// to the next file, socket or memory segment, and what anything in the process prints then lands in there: a log line
// in the arena. Such a descriptor moves up as soon as it has an owner.

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

  /// Takes ownership. Anything negative means "none". A descriptor below kFirst is replaced by a copy above, with
  /// close-on-exec; where there is none to be had, this is "none", and errno says why.
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
  /// Closes what this was and makes `other` of it, under this one's number: who knows the number sees no change.
  /// Precondition: both valid. False when the kernel refuses, which it has no reason to.
  // NOLINTNEXTLINE(readability-make-member-function-const): the number stays, what it stands for does not
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
