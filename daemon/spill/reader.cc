#include "daemon/spill/reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace dolium::spill {
namespace {

std::uint64_t end_of(const Entry& entry) {
  return round_up(entry.offset() + entry.size, kBlockBytes);
}

}  // namespace

void Reader::read(const Entry& entry, FilePtr file, std::span<std::byte> into, Done done) {
  auto job = std::make_shared<Job>();
  job->entry = entry;
  job->file = std::move(file);
  job->into = into;
  job->done = std::move(done);
  start(*job);
  jobs_.push_back(std::move(job));
}

void Reader::start(Job& job) const {
  job.checksum.restart();
  job.next = job.entry.offset() / kBlockBytes * kBlockBytes;
  job.error = 0;
}

void Reader::pump() {
  std::vector<JobPtr> empty;
  for (const JobPtr& job : jobs_) {
    if (job->entry.size == 0) {
      empty.push_back(job);
      continue;
    }
    while (request(job)) {
    }
  }
  for (const JobPtr& job : empty) settle(job);
}

/// Begins to read the next piece. False: there is none, or no buffer.
bool Reader::request(const JobPtr& job) {
  if (job->error != 0 || job->next >= end_of(job->entry) || job->pieces.size() >= kMaxPiecesOfOne) return false;
  BufferPtr buffer = buffers_.take();
  if (!buffer) return false;
  auto piece = std::make_shared<Piece>();
  piece->buffer = std::move(buffer);
  piece->offset = job->next;
  piece->size = std::min<std::uint64_t>(kPieceBytes, end_of(job->entry) - job->next);
  job->next += piece->size;
  job->pieces.push_back(piece);
  io_.read(job->file, piece->offset, piece->buffer->bytes().first(piece->size),
           [this, job, piece](int error) { on_piece(job, piece, error); });
  return true;
}

void Reader::on_piece(const JobPtr& job, const std::shared_ptr<Piece>& piece, int error) {
  piece->arrived = true;
  piece->error = error;
  read_bytes_ += error == 0 ? piece->size : 0;
  while (!job->pieces.empty() && job->pieces.front()->arrived) {
    const std::shared_ptr<Piece> next = job->pieces.front();
    job->pieces.pop_front();
    if (job->error == 0) job->error = next->error;
    if (job->error == 0) consume(*job, *next);
    next->buffer.reset();
  }
  if (!job->pieces.empty()) return;
  if (job->error != 0 || job->next >= end_of(job->entry)) settle(job);
}

void Reader::consume(Job& job, const Piece& piece) {
  const std::uint64_t begin = std::max(piece.offset, job.entry.offset());
  const std::uint64_t end = std::min(piece.offset + piece.size, job.entry.offset() + job.entry.size);
  const std::span<const std::byte> bytes = piece.buffer->bytes().subspan(begin - piece.offset, end - begin);
  job.checksum.add(bytes);
  if (!job.into.empty()) std::memcpy(job.into.data() + (begin - job.entry.offset()), bytes.data(), bytes.size());
}

void Reader::settle(const JobPtr& job) {
  int error = job->error;
  if (error == ENODATA || (error == 0 && job->checksum.result() != job->entry.checksum)) error = EBADMSG;
  if (error != EBADMSG || std::exchange(job->again, true)) return finish(job, error);
  start(*job);  // a second time: cables and memory err, too
}

void Reader::finish(const JobPtr& job, int error) {
  if (error != 0) {
    ++errors_;
    damages_.note(job->entry.id, job->entry.file, error);
  }
  jobs_.remove(job);
  job->done(error);
}

}  // namespace dolium::spill
