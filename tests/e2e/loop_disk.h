#pragma once
// LoopDisk: an ext4 file system in a file, mounted for one test. Needs root, and a kernel that lets it mount.

#include <string>

#include "tests/temporary_directory.h"

namespace dolium::e2e {

class LoopDisk {
 public:
  explicit LoopDisk(std::uint64_t bytes);
  LoopDisk(const LoopDisk&) = delete;
  LoopDisk& operator=(const LoopDisk&) = delete;
  ~LoopDisk();

  /// Empty: it is mounted. Else: why this test cannot run here.
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }
  /// A new directory there, with mode 0700.
  [[nodiscard]] std::string make_directory(const std::string& name) const;
  /// The file system gets larger, while it is in use. Empty: it is done. Else: why that is not possible here.
  [[nodiscard]] std::string grow(std::uint64_t bytes);
  /// Its next change is an error, after which it is read-only.
  void fail();
  [[nodiscard]] bool is_read_only() const;
  /// False: the kernel refuses it, because a file is open for writing.
  [[nodiscard]] bool remount(bool read_only);
  /// As an operator does it after an error: unmount, fsck, mount. Nothing may use it.
  void repair();

 private:
  test::TemporaryDirectory home_{"/var/tmp"};
  std::string device_;
  std::string problem_;
  bool mounted_ = false;
};

}  // namespace dolium::e2e
