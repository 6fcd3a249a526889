#pragma once
// DirectFile: a file beside the spill directory, written and read as `dd bs=8M` does with O_DIRECT, one block after the
// other, into a file that is empty at first, with an fdatasync() at the end of the writing. Its bytes are random: a
// disk that compresses them gains nothing.

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "tests/bench/harness.h"

namespace dolium::bench {

class DirectFile {
 public:
  static constexpr std::size_t kBlock = 8 * kMiB;

  /// Without O_DIRECT where the file system has none.
  explicit DirectFile(const std::string& path);
  DirectFile(const DirectFile&) = delete;
  DirectFile& operator=(const DirectFile&) = delete;
  ~DirectFile();

  /// Empties the file, writes this many bytes, a multiple of kBlock, and syncs.
  void write(std::uint64_t bytes);
  /// Writes one block behind the last one, from the beginning again after `limit` bytes, and syncs if `sync`.
  void write_block(std::uint64_t limit, bool sync);
  void read(std::uint64_t bytes);

 private:
  struct Free {
    void operator()(std::byte* memory) const noexcept;
  };
  std::string path_;
  int fd_ = -1;
  std::uint64_t next_ = 0;
  std::unique_ptr<std::byte, Free> block_;
};

/// A new directory, mode 0700, on a disk: in `parent`, or in /var/tmp. It is removed with its contents at the end.
class DiskDirectory {
 public:
  explicit DiskDirectory(const std::string& parent);
  DiskDirectory(const DiskDirectory&) = delete;
  DiskDirectory& operator=(const DiskDirectory&) = delete;
  ~DiskDirectory();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// A directory in it, with mode 0700.
  [[nodiscard]] std::string make(const std::string& name) const;

 private:
  std::string path_;
};

}  // namespace dolium::bench
