#pragma once
// UniqueFd: the only place where a raw descriptor lives. A resource: moves, never copies.

#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace dolium::shm {

class UniqueFd {
 public:
  UniqueFd() = default;
  /// Takes ownership. Anything negative means "none".
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
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
    fd_ = fd;
  }
  /// Closes what this was and makes `other` of it, under this one's number: who knows the number sees no change.
  /// Precondition: both valid. False when the kernel refuses, which it has no reason to.
  // NOLINTNEXTLINE(readability-make-member-function-const): the number stays, what it stands for does not
  [[nodiscard]] bool replace_by(UniqueFd other) noexcept { return ::dup3(other.fd_, fd_, O_CLOEXEC) == fd_; }

 private:
  int fd_ = -1;
};

}  // namespace dolium::shm
