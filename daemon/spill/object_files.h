#pragma once
// ObjectFiles: large objects, each in a file of its own. Their bytes need no compaction: the file is unlinked.
//
// Order of a write: the file (its name is safe), the bytes, a sync, the first block with the head, a sync. So a file
// with a valid head is whole. A file whose last sync has failed loses its name before the next one is begun: recovery
// counts on at most one head in doubt. Objects are written one after the other, each with several writes under way.
//
// One thread.

#include <deque>
#include <memory>

#include "daemon/spill/checksum.h"
#include "daemon/spill/log.h"

namespace dolium::spill {

class ObjectFiles {
 public:
  /// Bytes of one write.
  static constexpr std::size_t kPieceBytes = std::size_t{8} << 20;
  static constexpr std::size_t kMaxPieces = 3;

  explicit ObjectFiles(const Log::Parts& parts);
  ObjectFiles(const ObjectFiles&) = delete;
  ObjectFiles& operator=(const ObjectFiles&) = delete;

  /// done(): as in Log, but in the order of these objects alone. After an error, Appended::file names a file only if
  /// the object may be whole on the disk; the file is leaving.
  void put(Append object) { queue_.push_back(std::move(object)); }
  /// See Log::cancel().
  void cancel(const std::function<bool(const RecordHead&)>& is_dead);
  void pump();
  [[nodiscard]] bool is_idle() const noexcept { return queue_.empty() && !job_; }
  [[nodiscard]] std::uint64_t written_bytes() const noexcept { return written_bytes_; }
  [[nodiscard]] std::uint64_t errors() const noexcept { return errors_; }

 private:
  struct Job {
    Append object;
    FileNumber number = 0;
    FilePtr file;
    RunningChecksum checksum;
    std::uint64_t staged = 0;
    std::size_t under_way = 0;
    int error = 0;
    bool finishing = false;
    bool has_head = false;  // the head may be on the disk
  };

  [[nodiscard]] bool begin();
  [[nodiscard]] int remove_doubtful();
  void stage();
  void on_piece(int error);
  void write_head();
  void finish(int error);

  FileLayer& layer_;
  IoQueue& io_;
  FileTable& table_;
  Space& space_;
  const Superblock& superblock_;
  BufferPool buffers_;
  std::deque<Append> queue_;
  std::unique_ptr<Job> job_;
  FileNumber doubtful_ = 0;  // a file whose head may be there, and not on the disk
  std::uint64_t written_bytes_ = 0;
  std::uint64_t errors_ = 0;
};

}  // namespace dolium::spill
