#pragma once
// Reader: reads records into memory, through staging buffers, with several reads under way, and checks their bytes.
//
// One thread.

#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>

#include "daemon/spill/catalogue.h"
#include "daemon/spill/checksum.h"
#include "daemon/spill/damages.h"
#include "daemon/spill/io_queue.h"
#include "daemon/spill/staging.h"

namespace dolium::spill {

class Reader {
 public:
  /// Bytes of one read.
  static constexpr std::size_t kPieceBytes = std::size_t{4} << 20;
  /// Maximum number of pieces under way, in all and of one record.
  static constexpr std::size_t kMaxPieces = 12;
  static constexpr std::size_t kMaxPiecesOfOne = 6;

  /// 0; EBADMSG: the bytes did not fit their checksum, twice; else the disk's errno.
  using Done = std::function<void(int error)>;

  Reader(IoQueue& io, Damages& damages) : io_(io), damages_(damages), buffers_(kPieceBytes, kMaxPieces) {}
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  /// `into`: as long as the record, and its owner's until done(); empty: the bytes are only checked.
  void read(const Entry& entry, FilePtr file, std::span<std::byte> into, Done done);
  void pump();
  [[nodiscard]] bool is_idle() const noexcept { return jobs_.empty(); }
  [[nodiscard]] std::uint64_t read_bytes() const noexcept { return read_bytes_; }
  [[nodiscard]] std::uint64_t errors() const noexcept { return errors_; }

 private:
  struct Piece {
    BufferPtr buffer;
    std::uint64_t offset = 0;  // in the file
    std::size_t size = 0;
    bool arrived = false;
    int error = 0;
  };
  struct Job {
    Entry entry;
    FilePtr file;
    std::span<std::byte> into;
    Done done;
    RunningChecksum checksum;
    std::uint64_t next = 0;  // place in the file of the next piece
    std::deque<std::shared_ptr<Piece>> pieces;
    int error = 0;
    bool again = false;  // the second attempt
  };
  using JobPtr = std::shared_ptr<Job>;

  void start(Job& job) const;
  bool request(const JobPtr& job);
  void on_piece(const JobPtr& job, const std::shared_ptr<Piece>& piece, int error);
  static void consume(Job& job, const Piece& piece);
  void settle(const JobPtr& job);
  void finish(const JobPtr& job, int error);

  IoQueue& io_;
  Damages& damages_;
  BufferPool buffers_;
  std::list<JobPtr> jobs_;
  std::uint64_t read_bytes_ = 0;
  std::uint64_t errors_ = 0;
};

}  // namespace dolium::spill
