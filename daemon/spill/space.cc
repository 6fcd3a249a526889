#include "daemon/spill/space.h"

#include <fmt/format.h>

#include <cerrno>
#include <utility>

#include "shm/os/system_error.h"
#include "shm/text/size_text.h"

namespace dolium::spill {
namespace {

Error quota_reached(std::uint64_t capacity, std::uint64_t used, std::uint64_t wanted) {
  return {Errc::system_error,
          fmt::format("the spill tier's capacity of {} is reached: {} are in use, and {} more are needed",
                      format_size(capacity), format_size(used), format_size(wanted)),
          RefusalCause::none, ENOSPC};
}

}  // namespace

Condition condition_of(int error) noexcept {
  switch (error) {
    case 0: return Condition::ready;
    case ENOSPC:
    case EDQUOT: return Condition::full;
    case EROFS: return Condition::read_only;
    default: return Condition::failing;
  }
}

Result<TierFile*> Space::make_segment(Purpose purpose) {
  if (TierFile* file = take(next_)) return file;
  const std::uint64_t bytes = geometry_.segment_bytes;
  const bool has_spare = spare_ != 0;
  Result<TierFile*> made = make(true, bytes, has_spare || purpose == Purpose::upkeep ? 0 : bytes);
  if (made || purpose == Purpose::objects) return made;
  TierFile* spare = take(spare_);
  return spare == nullptr ? made : Result<TierFile*>(spare);
}

Result<TierFile*> Space::make_object_file(std::uint64_t bytes) {
  return make(false, round_up(bytes, kBlockBytes), spare_ != 0 ? 0 : geometry_.segment_bytes);
}

void Space::ensure_spare() {
  if (spare_ != 0 || !may_try()) return;
  const Condition before = condition_;
  const Result<TierFile*> made = make(true, geometry_.segment_bytes, 0);
  if (made)
    spare_ = (*made)->number;
  else if (condition_ == Condition::full)
    condition_ = before;  // small objects may fit into the segment that is being written
}

void Space::probe() {
  if (condition_ == Condition::ready || !may_try()) return;
  const std::uint64_t reserve = spare_ != 0 ? 0 : geometry_.segment_bytes;
  if (const Result<TierFile*> made = make(true, geometry_.segment_bytes, reserve)) next_ = (*made)->number;
}

TierFile* Space::take(FileNumber& prepared) {
  const FileNumber number = std::exchange(prepared, 0);
  return number == 0 ? nullptr : table_.find(number);
}

/// `reserve`: bytes of the quota that must be left.
Result<TierFile*> Space::make(bool is_segment, std::uint64_t bytes, std::uint64_t reserve) {
  if (!may_try()) return Error{Errc::system_error, reason_, RefusalCause::none, last_error_};
  const std::uint64_t used = table_.allocated();
  if (used + bytes + reserve > capacity_) {
    const Error error = quota_reached(capacity_, used, bytes + reserve);
    note_failure(ENOSPC, error.message);
    return error;
  }
  TierFile file{.number = table_.next_number(), .is_segment = is_segment};
  Result<FilePtr> handle = make_named(file.name(), bytes);
  if (!handle) {
    note_failure(handle.error().error_number, handle.error().message);
    return std::move(handle).error();
  }
  recovered();
  file.handle = *std::move(handle);
  file.allocated = bytes;
  return &table_.add(std::move(file));
}

Result<FilePtr> Space::make_named(const std::string& name, std::uint64_t bytes) {
  Result<FilePtr> handle = layer_.open(name, OpenMode::create);
  if (!handle) return handle;
  Result<void> ready = layer_.allocate(**handle, bytes);
  if (ready) ready = layer_.sync_now(**handle);  // the size: a torn one would hide the file's end
  if (ready) ready = layer_.sync_directory();
  if (ready) return handle;
  // If the file stays, the next start removes it: it is empty.
  static_cast<void>(layer_.unlink(name));
  return std::move(ready).error();
}

void Space::remove_leaving() {
  std::vector<FileNumber> gone;
  if (now_ < remove_at_) return;
  for (auto& [number, file] : table_.all()) {
    if (file.state != TierFile::State::leaving) continue;
    file.handle.reset();
    const Result<void> unlinked = layer_.unlink(file.name());
    if (unlinked || unlinked.error().error_number == ENOENT) {
      gone.push_back(number);
    } else {
      note_failure(unlinked.error().error_number, unlinked.error().message);
      table_.mark_stuck(file);
      remove_at_ = now_ + kPause;
    }
  }
  if (gone.empty()) return;
  if (const Result<void> synced = layer_.sync_directory(); !synced) {
    note_failure(synced.error().error_number, synced.error().message);
    for (const FileNumber number : gone) table_.mark_stuck(*table_.find(number));
    remove_at_ = now_ + kPause;
    return;
  }
  for (const FileNumber number : gone) table_.erase(number);
  retry_at_ = 0;
}

void Space::measure(TierFile& file) {
  if (!file.handle) return;
  if (const Result<FileSize> size = layer_.size(*file.handle)) file.allocated = size->allocated;
}

void Space::note_failure(int error, const std::string& doing) {
  condition_ = condition_of(error == 0 ? EIO : error);
  last_error_ = error == 0 ? EIO : error;
  reason_ = doing;
  retry_at_ = now_ + kPause;
}

}  // namespace dolium::spill
