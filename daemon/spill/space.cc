#include "daemon/spill/space.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "shm/os/system_error.h"
#include "shm/text/size_text.h"

namespace dolium::spill {
namespace {

std::uint64_t round_down(std::uint64_t bytes) {
  return bytes / kBlockBytes * kBlockBytes;
}

bool is_full(const Error& error) {
  return condition_of(error.error_number) == Condition::full;
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

// ---- room ----

std::uint64_t Space::room() const {
  const std::uint64_t used = table_.allocated();
  const std::uint64_t quota = capacity_ > used ? capacity_ - used : 0;
  if (quota == 0) return 0;
  const Result<std::uint64_t> free = layer_.free_bytes();
  return free ? std::min(quota, *free - *free / kSlackShare) : quota;  // unknown: the attempt tells
}

std::uint64_t Space::least_segment() const noexcept {
  const std::uint64_t object = round_up(geometry_.own_file_bytes, kBlockBytes) + heads_bytes(1) + footer_bytes(1);
  return std::max(geometry_.segment_bytes / kLeastShare, object);
}

std::uint64_t Space::upkeep_room() const {
  const std::uint64_t next = std::min(geometry_.segment_bytes, room());
  const TierFile* spare = table_.find(spare_);
  return std::max(spare == nullptr ? 0 : spare->allocated, next < kLeastUpkeep ? 0 : next);
}

/// Of `room`, which has no spare yet.
std::uint64_t Space::spare_size(std::uint64_t room) const {
  std::uint64_t longest = 0;
  for (const auto& [number, file] : table_.all())
    if (file.is_segment && number != spare_) longest = std::max(longest, file.allocated);
  const std::uint64_t wanted = std::max(room / 2, std::min(longest, room));
  return round_down(std::min(wanted, geometry_.segment_bytes));
}

Error Space::no_room(const Wanted& wanted) const {
  const std::uint64_t used = table_.allocated();
  const std::string needed = format_size(wanted.least + wanted.reserve);
  std::string text =
      used + wanted.least + wanted.reserve > capacity_
          ? fmt::format("the spill tier's capacity of {} is reached: {} are in use, and {} more are needed",
                        format_size(capacity_), format_size(used), needed)
          : fmt::format("the spill directory's file system has {} left, and {} are needed", format_size(room()),
                        needed);
  return {Errc::system_error, std::move(text), RefusalCause::none, ENOSPC};
}

// ---- making files ----

Result<TierFile*> Space::make_segment(Purpose purpose) {
  if (TierFile* file = take(next_)) return file;
  const std::uint64_t whole = geometry_.segment_bytes;
  if (purpose == Purpose::objects) {
    Result<TierFile*> made = make(true, {whole, least_segment(), reserve()});
    return made ? made : refuse(std::move(made).error(), least_segment());
  }
  const std::uint64_t least = spare_ == 0 ? kLeastUpkeep : least_segment();
  Result<TierFile*> made = make(true, {whole, least, 0});
  if (made) return made;
  if (TierFile* spare = take(spare_)) return spare;
  note_failure(made.error().error_number, made.error().message);
  return made;
}

Result<TierFile*> Space::make_object_file(std::uint64_t bytes) {
  const Wanted wanted{round_up(bytes, kBlockBytes), round_up(bytes, kBlockBytes), reserve()};
  if (wanted.least > capacity_ || wanted.least + wanted.reserve > capacity_)  // it will never fit: others may
    return Error{Errc::system_error,
                 fmt::format("an object of {} does not fit into the spill tier's capacity of {}", format_size(bytes),
                             format_size(capacity_)),
                 RefusalCause::none, EFBIG};
  Result<TierFile*> made = make(false, wanted);
  return made ? made : refuse(std::move(made).error(), wanted.least);
}

Result<TierFile*> Space::refuse(Error error, std::uint64_t least) {
  note_failure(error.error_number, error.message);
  if (is_full(error)) refused_ = std::min(refused_, least);
  return error;
}

void Space::ensure_spare() {
  const TierFile* spare = table_.find(spare_);
  const std::uint64_t has = spare == nullptr ? 0 : spare->allocated;
  if (now_ < spare_at_ || has >= geometry_.segment_bytes) return;
  const std::uint64_t size = spare_size(room() + has);
  const bool is_worth_it = size >= std::max(least_segment(), has + (has == 0 ? 0 : least_segment()));
  spare_at_ = now_ + kPause;
  if (!is_worth_it) return;
  if (has != 0) {  // the next call makes the longer one
    table_.leave(*take(spare_));
    spare_at_ = 0;
    return;
  }
  const Result<TierFile*> made = make(true, {size, size, 0});
  if (made)
    spare_ = (*made)->number;
  else if (!is_full(made.error()))  // small objects may fit into the segment that is being written
    note_failure(made.error().error_number, made.error().message);
}

void Space::probe(bool head_has_room) {
  if (condition_ == Condition::ready || now_ < retry_at_) return;
  if (condition_ != Condition::full) {
    const Result<TierFile*> made = make(true, {geometry_.segment_bytes, least_segment(), reserve()});
    if (made)
      next_ = (*made)->number;
    else
      note_failure(made.error().error_number, made.error().message);
    return;
  }
  const std::uint64_t room = this->room();
  if (!head_has_room && room < std::min(refused_, least_segment()) + reserve()) return;
  hoped_ = true;
  recover();
}

TierFile* Space::take(FileNumber& prepared) {
  const FileNumber number = std::exchange(prepared, 0);
  return number == 0 ? nullptr : table_.find(number);
}

Result<TierFile*> Space::make(bool is_segment, const Wanted& wanted) {
  if (!may_try() && condition_ != Condition::full)
    return Error{Errc::system_error, reason_, RefusalCause::none, last_error_};
  const std::uint64_t room = this->room();
  if (room < wanted.least + wanted.reserve) return no_room(wanted);
  const std::uint64_t bytes = round_down(std::min(wanted.bytes, room - wanted.reserve));
  TierFile file{.number = table_.next_number(), .is_segment = is_segment};
  Result<FilePtr> handle = make_named(file.name(), bytes);
  if (!handle) return std::move(handle).error();
  if (condition_ != Condition::full) {
    recover();
    pause_ = kPause;
    hoped_ = false;
  }
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

// ---- removing files ----

void Space::remove_leaving(bool blank_only) {
  if (now_ < remove_at_) return;
  const auto leaves = [&](const TierFile& file) {
    return file.state == TierFile::State::leaving && (file.blank || !blank_only);
  };
  // Own files first: a segment can hold the younger record that keeps the object of an own file dead.
  const bool removed = remove_all([&](const TierFile& file) { return leaves(file) && !file.is_segment; });
  const bool waits = std::ranges::any_of(table_.all(), [](const auto& each) {
    return each.second.stuck && !each.second.is_segment && (each.second.epitaph || each.second.unburied);
  });
  const bool more = !waits && remove_all([&](const TierFile& file) { return leaves(file) && file.is_segment; });
  if (removed || more) {
    retry_at_ = spare_at_ = 0;
    pause_ = kPause;
  }
}

/// Returns whether any file has gone.
template <class Leaves>
bool Space::remove_all(Leaves leaves) {
  std::vector<FileNumber> gone;
  for (auto& [number, file] : table_.all()) {
    if (!leaves(file)) continue;
    file.handle.reset();
    const Result<void> unlinked = layer_.unlink(file.name());
    if (unlinked || unlinked.error().error_number == ENOENT)
      gone.push_back(number);
    else
      be_stuck(unlinked.error(), {number});
  }
  if (gone.empty()) return false;
  if (const Result<void> synced = layer_.sync_directory(); !synced) {
    be_stuck(synced.error(), gone);
    return false;
  }
  for (const FileNumber number : gone) table_.erase(number);
  return true;
}

void Space::be_stuck(const Error& error, const std::vector<FileNumber>& files) {
  note_failure(error.error_number, error.message);
  for (const FileNumber number : files) table_.mark_stuck(*table_.find(number));
  remove_at_ = now_ + kPause;
}

bool Space::forget_prepared(FileNumber number) {
  if (number != spare_ && number != next_) return false;
  (number == spare_ ? spare_ : next_) = 0;
  table_.erase(number);
  return true;
}

void Space::measure(TierFile& file) {
  if (!file.handle) return;
  if (const Result<FileSize> size = layer_.size(*file.handle)) file.allocated = size->allocated;
}

void Space::note_failure(int error, const std::string& doing) {
  last_error_ = error == 0 ? EIO : error;
  const Condition before = std::exchange(condition_, condition_of(last_error_));
  if (condition_ != Condition::full || before != Condition::full) refused_ = UINT64_MAX;
  reason_ = doing;
  pause_ = std::exchange(hoped_, false) ? std::min(2 * pause_, kLongestPause) : pause_;
  retry_at_ = now_ + (condition_ == Condition::full ? pause_ : kPause);
}

}  // namespace dolium::spill
