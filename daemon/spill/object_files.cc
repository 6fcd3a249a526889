#include "daemon/spill/object_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace dolium::spill {

ObjectFiles::ObjectFiles(const Log::Parts& parts)
    : layer_(parts.layer),
      io_(parts.io),
      table_(parts.table),
      space_(parts.space),
      superblock_(parts.superblock),
      buffers_(kPieceBytes, kMaxPieces) {}

void ObjectFiles::cancel(const std::function<bool(const RecordHead&)>& is_dead) {
  std::deque<Append> kept;
  std::deque<Append> cancelled;
  for (Append& each : queue_) (is_dead(each.head) ? cancelled : kept).push_back(std::move(each));
  queue_ = std::move(kept);
  for (Append& each : cancelled) each.done({ECANCELED, 0, each.head});
}

void ObjectFiles::pump() {
  while (job_ || !queue_.empty()) {
    if (!job_ && !begin()) continue;
    stage();
    return;
  }
}

/// Returns an errno: it could not be removed.
int ObjectFiles::remove_doubtful() {
  if (doubtful_ == 0) return 0;
  const Result<void> unlinked = layer_.unlink(object_name(doubtful_));
  if (!unlinked && unlinked.error().error_number != ENOENT)
    return unlinked.error().error_number == 0 ? EIO : unlinked.error().error_number;
  doubtful_ = 0;
  return 0;
}

bool ObjectFiles::begin() {
  Append object = std::move(queue_.front());
  queue_.pop_front();
  if (const int error = remove_doubtful(); error != 0) {
    ++errors_;
    object.done({error, 0, object.head});
    return false;
  }
  const Result<TierFile*> file = space_.make_object_file(kBlockBytes + round_up(object.payload.size(), kBlockBytes));
  if (!file) {
    ++errors_;
    object.done({file.error().error_number == 0 ? EIO : file.error().error_number, 0, object.head});
    return false;
  }
  job_ = std::make_unique<Job>();
  job_->object = std::move(object);
  job_->number = (*file)->number;
  job_->file = (*file)->handle;
  return true;
}

void ObjectFiles::stage() {
  Job& job = *job_;
  const std::span<const std::byte> payload = job.object.payload;
  while (job.error == 0 && job.staged < payload.size()) {
    const BufferPtr buffer = buffers_.take();
    if (!buffer) return;
    const std::size_t size = std::min(kPieceBytes, payload.size() - job.staged);
    const std::size_t whole = round_up(size, kBlockBytes);
    std::memcpy(buffer->bytes().data(), payload.data() + job.staged, size);
    std::memset(buffer->bytes().data() + size, 0, whole - size);
    job.checksum.add(buffer->bytes().first(size));
    const std::uint64_t offset = kBlockBytes + job.staged;
    job.staged += size;
    ++job.under_way;
    written_bytes_ += whole;
    io_.write(job.file, offset, buffer->bytes().first(whole), [this, buffer](int error) { on_piece(error); });
  }
}

void ObjectFiles::on_piece(int error) {
  Job& job = *job_;
  --job.under_way;
  if (job.error == 0) job.error = error;
  if (job.under_way != 0 || job.finishing || (job.error == 0 && job.staged < job.object.payload.size())) return;
  job.finishing = true;
  if (job.error != 0) return finish(job.error);
  io_.sync(job.file, [this](int failure) { failure == 0 ? write_head() : finish(failure); });
}

void ObjectFiles::write_head() {
  Job& job = *job_;
  RecordHead& head = job.object.head;
  head.checksum = job.checksum.result();
  head.payload_at = kBlockBytes / kPayloadAlignment;
  const auto block = std::make_shared<AlignedBuffer>(kBlockBytes);
  write_chunk(block->bytes(), ChunkKind::object, nonce_of(superblock_, job.number), 0, std::span(&head, 1));
  job.has_head = true;
  io_.write(job.file, 0, block->bytes(), [this, block](int error) {
    if (error != 0) return finish(error);
    io_.sync(job_->file, [this](int failure) { finish(failure); });
  });
}

void ObjectFiles::finish(int error) {
  const std::unique_ptr<Job> job = std::move(job_);
  if (error == 0 && !layer_.is_there(object_name(job->number))) error = ESTALE;  // another process has removed it
  if (TierFile* file = table_.find(job->number)) {
    file->handle.reset();
    if (error == 0)
      file->state = TierFile::State::closed;
    else
      table_.leave(*file);
  }
  if (error != 0 && job->has_head) doubtful_ = job->number;
  if (error != 0) {
    ++errors_;
    space_.note_failure(error, fmt::format("cannot write {}", object_name(job->number)));
  }
  job->object.done({error, error == 0 || job->has_head ? job->number : 0, job->object.head});
}

}  // namespace dolium::spill
