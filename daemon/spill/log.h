#pragma once
// Log: the append-only log of records, in segments. Small records are fused into one aligned write.
//
// Life of a record: put() queues it; pump() writes it with others as a chunk to the segment at the log's head; when the
// chunk is written and a sync of the segment, begun after that, has succeeded, the record is durable. done() is called
// in log order: when it is called for a record, all earlier records are durable or have failed. A record that failed
// may still be on the disk.
//
// A small chunk (kEagerShare) is only written when no other is under way: what comes meanwhile shares the next one, and
// its sync. Otherwise small objects that come one by one would each cost two blocks and a sync.
//
// A failed write ends the segment's use for new records. A failed sync poisons the segment: what was not durable by
// then has failed, and no further sync is tried, because the kernel reports an error once and then forgets it. Records
// of the segment that were durable before stay so.
//
// A full segment gets a footer, and, when that is durable, gives its unused blocks back: so a segment that is shorter
// than it was made, and has no footer, was cut by another process. One thread.

#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "daemon/spill/fifo.h"
#include "daemon/spill/file_table.h"
#include "daemon/spill/io_queue.h"
#include "daemon/spill/space.h"
#include "daemon/spill/staging.h"

namespace dolium::spill {

struct Appended {
  int error = 0;        ///< an errno; 0: durable
  FileNumber file = 0;  ///< 0: it was not written at all
  const RecordHead& head;
};

struct Append {
  RecordHead head;  ///< the log sets payload_at, and the checksum of new objects
  std::span<const std::byte> payload;
  std::shared_ptr<const void> keeps;  ///< owner of the payload, if that is not the caller
  std::function<void(const Appended&)> done;
};

class Log {
 public:
  /// Maximum number of chunks that are being written.
  static constexpr std::size_t kMaxChunks = 4;
  /// This share of Geometry::chunk_bytes, as 1/n, is worth a write of its own while others are under way.
  static constexpr std::uint64_t kEagerShare = 8;

  struct Parts {
    FileLayer& layer;
    IoQueue& io;
    FileTable& table;
    Space& space;
    const Superblock& superblock;
  };
  explicit Log(const Parts& parts);
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  /// The payload stays until done() is called. Precondition: smaller than Geometry::own_file_bytes.
  void put(Append object) { enqueue(objects_, std::move(object)); }
  /// For tombstones, clear records and compaction: goes before objects, also to a full disk.
  void put_upkeep(Append record) { enqueue(upkeep_, std::move(record)); }
  /// Drops objects that are still queued, as far as `is_dead` says so: done() with ECANCELED.
  void cancel(const std::function<bool(const RecordHead&)>& is_dead);

  /// Begins to write what is queued, as far as there are buffers.
  void pump();
  /// Ends the head, so that its footer is written when all is durable.
  void end_head();
  /// The head; 0: there is none.
  [[nodiscard]] FileNumber head() const noexcept { return head_ ? head_->number : 0; }
  /// Bytes of the head that are written, if nothing is being written to it; else 0.
  [[nodiscard]] std::uint64_t head_bytes() const noexcept {
    return head_ && head_->unresolved == 0 ? head_->position : 0;
  }
  [[nodiscard]] std::uint64_t head_room() const noexcept;
  /// Whether objects can be written to the head.
  [[nodiscard]] bool takes_objects() const noexcept;
  /// Whether a segment has ended that is not closed yet.
  [[nodiscard]] bool is_closing() const noexcept { return closing_ != 0 || footers_ != 0; }
  /// Another process has removed this segment: nothing is written there any more.
  void give_up(FileNumber number);
  /// Writes a footer behind `end` of a segment that was recovered by a scan.
  void add_footer(TierFile& file, std::vector<RecordHead> heads, std::uint64_t end);

  [[nodiscard]] bool is_idle() const noexcept {
    return objects_.empty() && upkeep_.empty() && chunks_.empty() && footers_ == 0;
  }
  [[nodiscard]] std::uint64_t written_bytes() const noexcept { return written_bytes_; }
  [[nodiscard]] std::uint64_t errors() const noexcept { return errors_; }
  /// Duration of the last sync, as far as Space was told the time.
  [[nodiscard]] std::uint64_t last_sync_ns() const noexcept { return last_sync_ns_; }

 private:
  struct Segment {
    FileNumber number = 0;
    FilePtr file;
    Space::Purpose purpose = Space::Purpose::objects;
    std::uint64_t bytes = 0;  // its size
    std::uint64_t position = 0;
    std::uint64_t records = 0;
    std::size_t unresolved = 0;  // chunks that were not told yet
    bool ended = false;
    bool syncing = false;
    shm::TimeNs sync_begun = 0;
    bool poisoned = false;
    std::vector<std::vector<RecordHead>> heads;  // durable ones, chunk by chunk
  };
  using SegmentPtr = std::shared_ptr<Segment>;
  struct Chunk {
    enum class State : std::uint8_t { writing, written, syncing, durable, failed };
    State state = State::writing;
    int error = 0;
    SegmentPtr segment;
    std::vector<Append> records;
    std::vector<RecordHead> heads;  // as they were written
    BufferPtr buffer;
    [[nodiscard]] bool is_resolved() const noexcept { return state == State::durable || state == State::failed; }
  };
  using ChunkPtr = std::shared_ptr<Chunk>;

  void enqueue(Fifo<Append>& queue, Append record);
  [[nodiscard]] bool may_begin() const noexcept;
  [[nodiscard]] std::size_t writing() const noexcept;
  void choose(std::vector<Append>& records);
  bool take(Fifo<Append>& queue, std::vector<Append>& records, std::uint64_t& payload);
  [[nodiscard]] bool make_head();
  void refuse_first();
  void refuse(std::vector<Append> refused, int error);
  void write(std::vector<Append> records, BufferPtr buffer);
  [[nodiscard]] std::uint64_t compose(std::vector<Append>& records, std::span<std::byte> buffer,
                                      std::vector<RecordHead>& heads) const;
  void on_written(const ChunkPtr& chunk, int error);
  void begin_sync(const SegmentPtr& segment);
  void on_synced(const SegmentPtr& segment, int error);
  void fail(Chunk& chunk, int error);
  void tell();
  void end(SegmentPtr segment);  // by value: it may be head_
  void close(const SegmentPtr& segment);
  void write_footer(const SegmentPtr& segment);
  void on_footer(const SegmentPtr& segment, std::uint64_t end, int error);
  void on_finished(FileNumber number, int error);

  FileLayer& layer_;
  IoQueue& io_;
  FileTable& table_;
  Space& space_;
  const Superblock& superblock_;
  BufferPool buffers_;

  Fifo<Append> objects_;
  Fifo<Append> upkeep_;
  std::vector<Append> unused_records_;  // empty; its memory is for the next chunk's
  std::uint64_t queued_bytes_ = 0;      // of both, with their heads
  SegmentPtr head_;
  std::deque<ChunkPtr> chunks_;  // in log order
  std::size_t footers_ = 0;
  std::size_t closing_ = 0;
  bool telling_ = false;
  std::uint64_t written_bytes_ = 0;
  std::uint64_t errors_ = 0;
  std::uint64_t last_sync_ns_ = 0;
};

}  // namespace dolium::spill
