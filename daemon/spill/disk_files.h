#pragma once
// DiskFiles: the files of a real directory. It checks the directory and locks it.
//
// Data goes past the page cache (O_DIRECT) where the file system can do that. A resource, one thread.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/spill/file_layer.h"
#include "daemon/spill/raw_io.h"
#include "shm/os/unique_fd.h"

namespace dolium::spill {

class DiskFiles final : public FileLayer {
 public:
  /// The directory must exist, belong to this user, be closed to all others (0700), lie on a disk, and be free: no
  /// other process has it locked. Refuses in words.
  [[nodiscard]] static Result<std::unique_ptr<DiskFiles>> open(const std::string& directory, IoChoice io);
  ~DiskFiles() override;

  /// "io_uring" or "threads".
  [[nodiscard]] std::string_view io_name() const noexcept { return io_->name(); }

  [[nodiscard]] Result<std::vector<std::string>> list() override;
  [[nodiscard]] Result<FilePtr> open(const std::string& name, OpenMode mode) override;
  [[nodiscard]] Result<void> allocate(File& file, std::uint64_t bytes) override;
  [[nodiscard]] Result<void> truncate(File& file, std::uint64_t bytes) override;
  [[nodiscard]] Result<FileSize> size(File& file) override;
  [[nodiscard]] Result<void> rename(const std::string& from, const std::string& to) override;
  [[nodiscard]] Result<void> unlink(const std::string& name) override;
  [[nodiscard]] Result<void> sync_directory() override;
  [[nodiscard]] Result<std::uint64_t> free_bytes() override;
  [[nodiscard]] Result<std::string> check_place() override;
  [[nodiscard]] bool is_there(const std::string& name) override;
  [[nodiscard]] Result<std::size_t> read_now(File& file, std::uint64_t offset, std::span<std::byte> into) override;
  [[nodiscard]] Result<void> write_now(File& file, std::uint64_t offset, std::span<const std::byte> bytes) override;
  [[nodiscard]] Result<void> sync_now(File& file) override;
  void submit(Io io) override;
  void reap(std::vector<IoResult>& ended, bool wait) override;
  [[nodiscard]] int event_fd() const noexcept override { return io_->event_fd(); }

 private:
  DiskFiles(std::string path, shm::UniqueFd directory, shm::UniqueFd lock, std::unique_ptr<RawIo> io);
  [[nodiscard]] std::string called(const std::string& name) const;
  [[nodiscard]] Result<std::string> check_lock();

  const std::string path_;
  shm::UniqueFd directory_;
  shm::UniqueFd lock_;  // held until the process ends: I/O that hangs keeps the directory
  std::unique_ptr<RawIo> io_;
};

}  // namespace dolium::spill
