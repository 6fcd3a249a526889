#pragma once
// File: where a command reads an object's bytes, or writes them: a file that is closed by its owner, or a standard
// stream, which stays open. Moves.

#include <cstddef>
#include <span>
#include <string>

#include <dolium/result.h>

namespace dolium::cli {

class File {
 public:
  /// Maximum size of one read or write, in bytes.
  static constexpr std::size_t kChunk = std::size_t{1} << 20;

  [[nodiscard]] static File standard(int fd, std::string name) { return File(fd, std::move(name), false); }
  /// `flags`: of open(2).
  [[nodiscard]] static Result<File> open(const std::string& path, int flags);
  File(File&& other) noexcept;
  File& operator=(File&&) = delete;
  ~File();

  [[nodiscard]] int fd() const noexcept { return fd_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  /// Returns 0 at the end of the file.
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> into) const;
  [[nodiscard]] Result<void> write(std::span<const std::byte> bytes) const;
  /// Empties a file. No effect on a device, a pipe or a standard stream.
  [[nodiscard]] Result<void> truncate() const;
  /// Some file systems report a full disk only here.
  [[nodiscard]] Result<void> close();

 private:
  File(int fd, std::string name, bool owned) : fd_(fd), name_(std::move(name)), owned_(owned) {}

  int fd_;
  std::string name_;
  bool owned_;
};

}  // namespace dolium::cli
