#include "daemon/spill/compactor.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "daemon/spill/checksum.h"
#include "daemon/spill/segment_reader.h"

namespace dolium::spill {
namespace {

/// Bytes of a segment that would be copied.
std::uint64_t needed_bytes(const FileTable& table, TierFile& file) {
  const std::uint64_t heads = file.live_records + table.needed_tombstones(file).size();
  return file.live_bytes + heads * kHeadCost;
}

/// Whether compaction can use the file at all.
bool is_usable(const TierFile& file) {
  return file.is_segment && file.state == TierFile::State::closed && !file.unmovable && file.allocated != 0;
}

/// `needed` is less than this share of the blocks that would be freed.
bool is_worth(std::uint64_t needed, std::uint64_t allocated, Compactor::Urgency urgency) {
  switch (urgency) {
    case Compactor::Urgency::idle: return needed < allocated / 2;
    case Compactor::Urgency::pressed: return needed < allocated / 8 * 7;
    case Compactor::Urgency::ordered: return needed < allocated / 20 * 19;
  }
  return false;
}

}  // namespace

bool Compactor::choose(Urgency urgency, FileNumber last) {
  if (victim_ != 0) return true;
  if (parts_.space.now() < next_choice_) return false;
  room_ = parts_.space.upkeep_room();
  TierFile* best = nullptr;
  double best_share = 2;
  for (auto& [number, file] : parts_.table.all()) {
    if (number > last || !is_usable(file) || !is_candidate(file, file.allocated, urgency) || !fits(file)) continue;
    const auto needed = static_cast<double>(needed_bytes(parts_.table, file));
    const double share = file.poisoned ? 0 : needed / static_cast<double>(file.allocated);
    if (share >= best_share) continue;
    best = &file;
    best_share = share;
  }
  if (best == nullptr) best = spare_small_ones();
  if (best == nullptr) return false;
  begin(*best);
  return true;
}

/// `bytes`: what its compaction frees on the disk.
bool Compactor::is_candidate(TierFile& file, std::uint64_t bytes, Urgency urgency) const {
  if (file.poisoned) return true;
  const std::uint64_t needed = needed_bytes(parts_.table, file);
  if (!is_worth(needed, bytes, urgency)) return false;
  return !file.has_copies || urgency == Urgency::ordered || needed < file.put_bytes / 8 * 7;
}

/// Whether there is room for what is needed of the file: a compaction that stops half-way would leave less room. While
/// objects are taken, too, only a segment of its own counts.
bool Compactor::fits(TierFile& file) const {
  const std::uint64_t needed = needed_bytes(parts_.table, file);
  if (needed == 0) return true;
  const std::uint64_t records = file.live_records + file.tombstones.size();
  const std::uint64_t chunks = (needed / kWindowBytes + 1) * (kBlockBytes + heads_bytes(1));
  const std::uint64_t size = needed + chunks + footer_bytes(records);
  const bool is_shared = parts_.space.condition() != Condition::full && log_.takes_objects();
  if (size <= room_ || is_shared) return size <= room_;
  const std::uint64_t head = log_.head() == file.number ? 0 : log_.head_room();
  return size <= head || size + parts_.space.geometry().own_file_bytes <= head + room_;
}

bool Compactor::gains_from_head(Urgency urgency) {
  const std::uint64_t bytes = log_.head_bytes();
  TierFile* head = parts_.table.find(log_.head());
  room_ = parts_.space.upkeep_room();
  return bytes != 0 && head != nullptr && is_candidate(*head, bytes, urgency) && fits(*head);
}

/// The smallest segment, if there are too many small ones.
TierFile* Compactor::spare_small_ones() const {
  TierFile* smallest = nullptr;
  int count = 0;
  for (auto& [number, file] : parts_.table.all()) {
    if (!is_usable(file) || file.allocated >= parts_.space.geometry().segment_bytes / 8) continue;
    if (!fits(file)) continue;
    ++count;
    if (smallest == nullptr || file.allocated < smallest->allocated) smallest = &file;
  }
  return count > kMaxSmall ? smallest : nullptr;
}

void Compactor::begin(TierFile& file) {
  Result<SegmentContents> contents = read_segment(parts_.layer, *file.handle, nonce_of(parts_.superblock, file.number));
  if (!contents || contents->unreadable_blocks != 0) {
    file.unmovable = true;
    return;
  }
  victim_ = file.number;
  parts_.table.mark_evacuated(file);
  file_ = file.handle;
  heads_.clear();
  for (const RecordHead& head : contents->heads)
    if (is_needed(head)) heads_.push_back(head);
  std::ranges::sort(heads_, {}, &RecordHead::payload_at);
  next_ = 0;
  failed_ = unmovable_ = false;
  copy_removals(file);
}

bool Compactor::is_needed(const RecordHead& head) const {
  if (head.kind != RecordKind::object) return false;
  const Entry* entry = catalogue_.find(head.sequence);
  return entry != nullptr && entry->file == victim_;
}

/// The victim's tombstones and its clear record are still needed when it is gone.
void Compactor::copy_removals(TierFile& file) {
  for (const Tombstone& each : parts_.table.needed_tombstones(file)) {
    ++under_way_;
    log_.put_upkeep({Removals::head_of(each), {}, {}, on_copied()});
  }
  const ClearMark clear = parts_.table.clear();
  if (clear.home != victim_ || !parts_.table.needs_clear_besides(victim_)) return;
  ++under_way_;
  log_.put_upkeep({Removals::head_of(clear), {}, {}, [this, done = on_copied()](const Appended& copied) {
                     const ClearMark& mark = parts_.table.clear();
                     if (copied.error == 0 && mark.sequence == copied.head.sequence)
                       parts_.table.set_clear({mark.sequence, mark.stamp, mark.incarnation, mark.through, copied.file});
                     done(copied);
                   }});
}

std::function<void(const Appended&)> Compactor::on_copied() {
  return [this](const Appended& copied) {
    failed_ = failed_ || copied.error != 0;
    --under_way_;
  };
}

void Compactor::pump() {
  if (victim_ == 0) return;
  while (next_ < heads_.size() && !is_needed(heads_[next_])) ++next_;
  if (next_ < heads_.size() && !reading_ && under_way_ == 0 && !failed_) read_window();
  finish_if_done();
}

void Compactor::read_window() {
  Window window{.begin = heads_[next_].payload_offset() / kBlockBytes * kBlockBytes, .first = next_, .last = next_};
  std::uint64_t end = window.begin + kBlockBytes;
  for (; window.last < heads_.size(); ++window.last) {
    const RecordHead& head = heads_[window.last];
    const std::uint64_t next = round_up(head.payload_offset() + head.payload_size(), kBlockBytes);
    if (window.last != window.first && next - window.begin > kWindowBytes) break;
    end = std::max(end, next);
  }
  next_ = window.last;
  window.buffer = std::make_shared<AlignedBuffer>(end - window.begin);
  reading_ = true;
  const auto bytes = window.buffer->bytes();
  parts_.io.read(file_, window.begin, bytes, [this, window](int error) { on_window(window, error); });
}

void Compactor::on_window(const Window& window, int error) {
  reading_ = false;
  for (std::size_t index = window.first; index < window.last; ++index) {
    const RecordHead& head = heads_[index];
    if (!is_needed(head)) continue;
    std::span<const std::byte> payload;
    if (error == 0) payload = window.buffer->bytes().subspan(head.payload_offset() - window.begin, head.payload_size());
    if (error == 0 && checksum_of(payload) == head.checksum) {
      move(head, payload, window.buffer);
    } else {
      unmovable_ = true;
      ++damaged_;
      damages_.note(id_of(head), victim_, error == 0 ? EBADMSG : error);
    }
  }
}

void Compactor::move(const RecordHead& head, std::span<const std::byte> payload, const BufferPtr& buffer) {
  ++under_way_;
  moves_.try_emplace(head.sequence);
  log_.put_upkeep({head, payload, buffer, [this](const Appended& moved) { on_moved(moved); }});
}

void Compactor::on_moved(const Appended& moved) {
  --under_way_;
  auto node = moves_.extract(moved.head.sequence);
  std::vector<RemovalPtr> waiting = node.empty() ? std::vector<RemovalPtr>() : std::move(node.mapped());
  Entry* entry = catalogue_.find(moved.head.sequence);
  if (moved.error != 0) failed_ = true;
  if (moved.error != 0 || entry == nullptr) {
    if (moved.file != 0) bury_copy(moved, std::move(waiting));  // also after an error: it may be on the disk
    return;
  }
  moved_bytes_ += moved.head.payload_size();
  parts_.table.drop_live(entry->file, entry->size);
  entry->file = moved.file;
  entry->payload_at = moved.head.payload_at;
  parts_.table.add_live(moved.file, entry->size);
  parts_.table.find(moved.file)->has_copies = true;
}

void Compactor::bury_copy(const Appended& moved, std::vector<RemovalPtr> waiting) {
  const RecordHead& head = moved.head;
  const Tombstone tombstone{id_of(head), moved.file, head.sequence, head.stamp, head.incarnation};
  removals_.bury(tombstone, std::make_shared<Removal>([waiting = std::move(waiting)] {}));
}

void Compactor::finish_if_done() {
  const bool stopped = next_ >= heads_.size() || failed_;
  if (!stopped || reading_ || under_way_ != 0) return;
  TierFile* file = parts_.table.find(victim_);
  if (file != nullptr && !failed_ && file->state == TierFile::State::closed) {
    if (unmovable_ || file->live_records != 0)
      file->unmovable = true;
    else
      parts_.table.leave(*file);
  }
  if (failed_) next_choice_ = parts_.space.now() + Space::kPause;
  victim_ = 0;
  file_.reset();
  heads_.clear();
}

void Compactor::drop_during_move(Sequence sequence, const RemovalPtr& removal) {
  const auto move = moves_.find(sequence);
  if (move != moves_.end()) move->second.push_back(removal);
}

}  // namespace dolium::spill
