#pragma once
// FileLayer: the files of one directory, as the engine uses them. The engine knows no other way to the disk, so a test
// can put a disk into its place that fails, tears and forgets.
//
// Two halves. Names and sizes: rare, and carried out at once. Data: submit() begins an operation, reap() returns what
// has ended, in any order. Errors keep the kernel's errno (Error::error_number).
//
// Durability is the kernel's: the bytes of a write are safe after a sync of the file that began when the write had
// ended; a name is safe, or safely gone, after sync_directory(). Nothing else is safe.
//
// One thread.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <dolium/result.h>

namespace dolium::spill {

/// An open file. Closed when its last user has let go, so an operation under way keeps it open.
class File {
 public:
  File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  virtual ~File() = default;
};
using FilePtr = std::shared_ptr<File>;

struct FileSize {
  std::uint64_t bytes = 0;
  std::uint64_t allocated = 0;  ///< in blocks on the disk, as bytes
};

enum class IoKind : std::uint8_t { read, write, sync };

/// Data is aligned to kBlockBytes: address, offset and size. The bytes live until the operation has ended.
struct Io {
  IoKind kind = IoKind::read;
  FilePtr file;
  std::uint64_t offset = 0;
  std::byte* bytes = nullptr;
  std::size_t size = 0;
  std::uint64_t token = 0;
};

struct IoResult {
  std::uint64_t token = 0;
  std::int64_t result = 0;  ///< bytes, which may be fewer than asked for; or -errno
};

enum class OpenMode : std::uint8_t {
  create,    ///< a new file; fails with EEXIST
  existing,  ///< read-only where the file system is
  small,     ///< an existing or new file for read_now() and write_now() without alignment
};

class FileLayer {
 public:
  FileLayer() = default;
  FileLayer(const FileLayer&) = delete;
  FileLayer& operator=(const FileLayer&) = delete;
  virtual ~FileLayer() = default;

  [[nodiscard]] virtual Result<std::vector<std::string>> list() = 0;
  [[nodiscard]] virtual Result<FilePtr> open(const std::string& name, OpenMode mode) = 0;
  /// Reserves blocks for the file's first `bytes`, which read as zeros.
  [[nodiscard]] virtual Result<void> allocate(File& file, std::uint64_t bytes) = 0;
  [[nodiscard]] virtual Result<void> truncate(File& file, std::uint64_t bytes) = 0;
  [[nodiscard]] virtual Result<FileSize> size(File& file) = 0;
  [[nodiscard]] virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  [[nodiscard]] virtual Result<void> unlink(const std::string& name) = 0;
  [[nodiscard]] virtual Result<void> sync_directory() = 0;
  /// Bytes that this user may still take of the file system.
  [[nodiscard]] virtual Result<std::uint64_t> free_bytes() = 0;
  /// Whether the directory is still where it was opened, and locked. An error says that it was removed or moved, or
  /// that another process has locked it. Returns what had to be mended for that, for the log; empty: nothing.
  [[nodiscard]] virtual Result<std::string> check_place() = 0;
  /// Whether the directory has a file of this name. True also if that cannot be found out.
  [[nodiscard]] virtual bool is_there(const std::string& name) = 0;

  /// Waits. Returns the number of bytes before the end of the file.
  [[nodiscard]] virtual Result<std::size_t> read_now(File& file, std::uint64_t offset, std::span<std::byte> into) = 0;
  [[nodiscard]] virtual Result<void> write_now(File& file, std::uint64_t offset, std::span<const std::byte> bytes) = 0;
  [[nodiscard]] virtual Result<void> sync_now(File& file) = 0;

  virtual void submit(Io io) = 0;
  /// Appends what has ended. With `wait`, waits until something has. Precondition then: something is under way.
  virtual void reap(std::vector<IoResult>& ended, bool wait) = 0;
  /// Readable when reap() has something to return; reap() empties it. -1: there is none.
  [[nodiscard]] virtual int event_fd() const noexcept = 0;
};

}  // namespace dolium::spill
