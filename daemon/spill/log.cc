#include "daemon/spill/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "daemon/spill/checksum.h"
#include "shm/os/system_error.h"

namespace dolium::spill {
namespace {

std::uint64_t chunk_size(std::uint64_t records, std::uint64_t payload) {
  return heads_bytes(records) + round_up(payload, kBlockBytes);
}

std::size_t buffer_size(const Geometry& geometry) {
  return std::max(geometry.chunk_bytes, round_up(geometry.own_file_bytes, kBlockBytes) + heads_bytes(1));
}

/// Bytes of a chunk for one record.
std::uint64_t bytes_of(const Append& record) {
  return sizeof(RecordHead) + round_up(record.payload.size(), kPayloadAlignment);
}

Tombstone tombstone_of(const RecordHead& head) {
  return {id_of(head), head.names, head.sequence, head.stamp, head.incarnation};
}

}  // namespace

Log::Log(const Parts& parts)
    : layer_(parts.layer),
      io_(parts.io),
      table_(parts.table),
      space_(parts.space),
      superblock_(parts.superblock),
      buffers_(buffer_size(parts.space.geometry()), kMaxChunks) {}

void Log::enqueue(Fifo<Append>& queue, Append record) {
  queued_bytes_ += bytes_of(record);
  queue.push_back(std::move(record));
}

void Log::cancel(const std::function<bool(const RecordHead&)>& is_dead) {
  refuse(objects_.take_if([&](const Append& each) { return is_dead(each.head); }), ECANCELED);
}

std::size_t Log::writing() const noexcept {
  return static_cast<std::size_t>(std::ranges::count(chunks_, Chunk::State::writing, &Chunk::state));
}

bool Log::may_begin() const noexcept {
  if (upkeep_.empty() && objects_.empty()) return false;
  return chunks_.empty() || (queued_bytes_ >= space_.geometry().chunk_bytes / kEagerShare && writing() < kMaxChunks);
}

void Log::pump() {
  while (may_begin()) {
    BufferPtr buffer = buffers_.take();
    if (!buffer) return;
    std::vector<Append> records = std::exchange(unused_records_, {});
    choose(records);
    if (records.empty() && make_head()) {
      choose(records);
      if (records.empty()) refuse_first();
    }
    if (records.empty()) continue;  // all that did not fit was refused
    write(std::move(records), std::move(buffer));
  }
}

/// Moves records that fit into the next chunk of the head from the queues.
void Log::choose(std::vector<Append>& records) {
  if (!head_) return;
  std::uint64_t payload = 0;
  while (take(upkeep_, records, payload)) {
  }
  if (head_->purpose != Space::Purpose::objects && !space_.has_spare()) return;
  while (take(objects_, records, payload)) {
  }
}

bool Log::take(Fifo<Append>& queue, std::vector<Append>& records, std::uint64_t& payload) {
  if (queue.empty()) return false;
  const std::uint64_t more = payload + round_up(queue.front().payload.size(), kPayloadAlignment);
  const std::uint64_t size = chunk_size(records.size() + 1, more);
  if (!records.empty() && size > space_.geometry().chunk_bytes) return false;
  const std::uint64_t footer = footer_bytes(head_->records + records.size() + 1);
  if (head_->position + size + footer > head_->bytes) return false;
  payload = more;
  queued_bytes_ -= bytes_of(queue.front());
  records.push_back(queue.pop_front());
  return true;
}

/// Begins another segment. If there is no room for it, refuses what is queued, and returns false.
bool Log::make_head() {
  auto purpose = objects_.empty() ? Space::Purpose::upkeep : Space::Purpose::objects;
  Result<TierFile*> file = space_.make_segment(purpose);
  if (!file && purpose == Space::Purpose::objects) {
    refuse(objects_.take_all(), file.error().error_number);
    if (upkeep_.empty()) return false;
    purpose = Space::Purpose::upkeep;
    file = space_.make_segment(purpose);
  }
  if (!file) {
    refuse(upkeep_.take_all(), file.error().error_number);
    return false;
  }
  end_head();
  head_ = std::make_shared<Segment>();
  head_->number = (*file)->number;
  head_->file = (*file)->handle;
  head_->bytes = (*file)->allocated;
  head_->purpose = purpose;
  return true;
}

/// It does not fit into an empty segment, because that had to be short.
void Log::refuse_first() {
  std::vector<Append> first;
  first.push_back((upkeep_.empty() ? objects_ : upkeep_).pop_front());
  refuse(std::move(first), ENOSPC);
}

std::uint64_t Log::head_room() const noexcept {
  if (!head_) return 0;
  const std::uint64_t taken = head_->position + footer_bytes(head_->records + 1) + heads_bytes(1);
  return head_->bytes > taken ? head_->bytes - taken : 0;
}

bool Log::takes_objects() const noexcept {
  const bool may = head_ && (head_->purpose == Space::Purpose::objects || space_.has_spare());
  return may && head_room() >= round_up(space_.geometry().own_file_bytes, kBlockBytes);
}

void Log::give_up(FileNumber number) {
  if (!head_ || head_->number != number) return;
  head_->poisoned = true;
  end_head();
}

void Log::refuse(std::vector<Append> refused, int error) {
  for (const Append& each : refused) queued_bytes_ -= bytes_of(each);
  for (Append& each : refused) each.done({error == 0 ? EIO : error, 0, each.head});
}

void Log::write(std::vector<Append> records, BufferPtr buffer) {
  auto chunk = std::make_shared<Chunk>();
  const std::uint64_t size = compose(records, buffer->bytes(), chunk->heads);
  chunk->segment = head_;
  chunk->records = std::move(records);
  chunk->buffer = std::move(buffer);
  const std::uint64_t position = head_->position;
  head_->position += size;
  head_->records += chunk->records.size();
  ++head_->unresolved;
  chunks_.push_back(chunk);
  written_bytes_ += size;
  io_.write(head_->file, position, chunk->buffer->bytes().first(size),
            [this, chunk](int error) { on_written(chunk, error); });
}

/// Fills the buffer; returns the chunk's size. Gaps are zeroed: they would hold bytes of other objects.
std::uint64_t Log::compose(std::vector<Append>& records, std::span<std::byte> buffer,
                           std::vector<RecordHead>& heads) const {
  std::uint64_t at = heads_bytes(records.size());
  heads.reserve(records.size());
  for (Append& each : records) {
    const std::uint64_t size = each.payload.size();
    if (each.head.kind == RecordKind::object) {
      const std::span<std::byte> bytes = buffer.subspan(at, size);
      if (size != 0) std::memcpy(bytes.data(), each.payload.data(), size);
      each.head.payload_at = static_cast<std::uint32_t>((head_->position + at) / kPayloadAlignment);
      // Of the copy: the arena's bytes are writable for clients.
      if (each.head.checksum == Checksum{}) each.head.checksum = checksum_of(bytes);
    }
    const std::uint64_t next = round_up(at + size, kPayloadAlignment);
    std::memset(buffer.data() + at + size, 0, next - at - size);
    at = next;
    heads.push_back(each.head);
    each.payload = {};
    each.keeps.reset();
  }
  const std::uint64_t end = round_up(at, kBlockBytes);
  std::memset(buffer.data() + at, 0, end - at);
  write_chunk(buffer.first(end), ChunkKind::records, nonce_of(superblock_, head_->number), head_->position, heads,
              head_->bytes);
  return end;
}

void Log::on_written(const ChunkPtr& chunk, int error) {
  chunk->buffer.reset();
  if (error != 0) space_.note_failure(error, fmt::format("cannot write {}", segment_name(chunk->segment->number)));
  if (error != 0 || chunk->segment->poisoned) {
    fail(*chunk, error == 0 ? EIO : error);
    end(chunk->segment);
  } else {
    chunk->state = Chunk::State::written;
    begin_sync(chunk->segment);
  }
  tell();
}

/// One sync at a time: it covers every chunk that is written by now.
void Log::begin_sync(const SegmentPtr& segment) {
  if (segment->syncing || segment->poisoned) return;
  bool any = false;
  for (const ChunkPtr& chunk : chunks_) {
    if (chunk->segment != segment || chunk->state != Chunk::State::written) continue;
    chunk->state = Chunk::State::syncing;
    any = true;
  }
  if (!any) return;
  segment->syncing = true;
  segment->sync_begun = space_.now();
  io_.sync(segment->file, [this, segment](int error) { on_synced(segment, error); });
}

void Log::on_synced(const SegmentPtr& segment, int error) {
  segment->syncing = false;
  if (error == 0 && !layer_.is_there(segment_name(segment->number))) error = ESTALE;  // what is in it goes with it
  last_sync_ns_ = space_.now() - segment->sync_begun;
  if (error != 0) {
    segment->poisoned = true;
    space_.note_failure(error, fmt::format("cannot sync {}", segment_name(segment->number)));
  }
  for (const ChunkPtr& chunk : chunks_) {
    if (chunk->segment != segment) continue;
    if (error == 0 && chunk->state == Chunk::State::syncing)
      chunk->state = Chunk::State::durable;
    else if (error != 0 && !chunk->is_resolved() && chunk->state != Chunk::State::writing)
      fail(*chunk, error);
  }
  if (error != 0) {
    if (TierFile* file = table_.find(segment->number)) file->poisoned = true;
    end(segment);
  } else {
    begin_sync(segment);
  }
  tell();
}

void Log::fail(Chunk& chunk, int error) {
  chunk.state = Chunk::State::failed;
  chunk.error = error;
  ++errors_;
}

void Log::tell() {
  if (telling_) return;
  telling_ = true;
  while (!chunks_.empty() && chunks_.front()->is_resolved()) {
    const ChunkPtr chunk = chunks_.front();
    chunks_.pop_front();
    TierFile* file = table_.find(chunk->segment->number);
    if (chunk->error == 0) chunk->segment->heads.push_back(std::move(chunk->heads));
    for (Append& each : chunk->records) {
      if (chunk->error == 0 && each.head.kind == RecordKind::tombstone && file != nullptr)
        file->add_tombstone(tombstone_of(each.head));
      each.done({chunk->error, chunk->segment->number, each.head});
    }
    chunk->records.clear();
    unused_records_ = std::move(chunk->records);
    --chunk->segment->unresolved;
    if (chunk->segment->ended) close(chunk->segment);
  }
  telling_ = false;
}

void Log::end_head() {
  if (head_) end(head_);
}

void Log::end(SegmentPtr segment) {  // NOLINT(performance-unnecessary-value-param)
  if (head_ == segment) head_.reset();
  if (std::exchange(segment->ended, true)) return;
  ++closing_;
  close(segment);
}

/// Writes the footer, when everything in the segment is known to be durable or not.
void Log::close(const SegmentPtr& segment) {
  if (segment->unresolved != 0 || !segment->file) return;
  --closing_;
  if (TierFile* file = table_.find(segment->number)) file->state = TierFile::State::closed;
  if (segment->poisoned || segment->heads.empty())
    segment->file.reset();
  else
    write_footer(segment);
}

void Log::write_footer(const SegmentPtr& segment) {
  std::vector<RecordHead> heads;
  heads.reserve(segment->records);
  for (std::vector<RecordHead>& each : std::exchange(segment->heads, {}))
    heads.insert(heads.end(), each.begin(), each.end());
  const std::uint64_t size = footer_bytes(heads.size());
  const auto buffer = std::make_shared<AlignedBuffer>(size);
  const Nonce nonce = nonce_of(superblock_, segment->number);
  const std::uint64_t trailer = size - kBlockBytes;
  write_chunk(buffer->bytes().first(trailer), ChunkKind::footer, nonce, segment->position, heads);
  write_chunk(buffer->bytes().subspan(trailer), ChunkKind::trailer, nonce, segment->position + trailer, {},
              segment->position);
  ++footers_;
  io_.write(segment->file, segment->position, buffer->bytes(),
            [this, segment, buffer, size](int error) { on_footer(segment, segment->position + size, error); });
}

/// Without a footer the next start scans the segment: its records are as safe.
void Log::on_footer(const SegmentPtr& segment, std::uint64_t end, int error) {
  const FilePtr file = std::move(segment->file);
  const auto finished = [this, number = segment->number](int failure) { on_finished(number, failure); };
  if (error != 0) return finished(error);
  io_.sync(file, [this, file, end, finished](int failure) {
    if (failure != 0 || !layer_.truncate(*file, end)) return finished(failure == 0 ? EIO : failure);
    io_.sync(file, finished);
  });
}

void Log::on_finished(FileNumber number, int error) {
  if (error != 0) space_.note_failure(error, fmt::format("cannot finish {}", segment_name(number)));
  if (TierFile* file = table_.find(number)) {
    file->poisoned = file->poisoned || error != 0;
    if (error == 0) table_.mark_evacuated(*file, false);  // not chosen for compaction yet: what recovery undid is gone
    space_.measure(*file);
  }
  --footers_;
}

void Log::add_footer(TierFile& file, std::vector<RecordHead> heads, std::uint64_t end) {
  const auto segment = std::make_shared<Segment>();
  segment->number = file.number;
  segment->file = file.handle;
  segment->position = end;
  segment->ended = true;
  segment->records = heads.size();
  segment->heads.push_back(std::move(heads));
  write_footer(segment);
}

}  // namespace dolium::spill
