// What an engine does by itself: removing files, compaction, and what other processes do to its directory. See
// engine.h.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "daemon/spill/engine.h"

namespace dolium::spill {

void Engine::maintain() {
  if (now_ >= look_at_) look_at_directory();
  if (gone_) return;
  if (!home_.is_saved()) {
    if (!space_.may_try()) return;
    home_.settle(layer_);
    if (!home_.is_saved()) return note_unsaved();
    space_.recover();
    start_writing();
  }
  if (removals_.failed() != 0 && now_ >= retry_at_) {
    retry_at_ = now_ + Space::kPause;
    removals_.retry();
  }
  if (!settled_) return space_.remove_leaving(true);
  for (auto& [number, file] : table_.all())
    if (table_.is_dead(file)) table_.leave(file);
  space_.remove_leaving(false);
  bury_stuck();
  removals_.settle();
  if (now_ < upkeep_at_ && !compacting_) return;
  upkeep_at_ = now_ + kUpkeepPause;
  upkeep();
}

void Engine::upkeep() {
  const bool fails = space_.condition() != Condition::ready && space_.condition() != Condition::full;
  if (!fails || space_.may_try()) {
    space_.ensure_spare();
    compact_if_worth();
  }
  space_.probe(log_.takes_objects());
}

void Engine::compact() {
  compacting_ = true;
  compact_through_ = table_.last_number();
  if (compactor_.gains_from_head(Compactor::Urgency::ordered)) log_.end_head();
}

void Engine::compact_if_worth() {
  if (finishing_ || compactor_.is_busy() || log_.is_closing()) return;
  const bool full = space_.condition() == Condition::full;
  const auto urgency = compacting_                                              ? Compactor::Urgency::ordered
                       : full || table_.allocated() > space_.capacity() / 8 * 7 ? Compactor::Urgency::pressed
                                                                                : Compactor::Urgency::idle;
  if (compactor_.choose(urgency, compacting_ ? compact_through_ : table_.last_number())) return;
  compacting_ = false;
  if (full && compactor_.gains_from_head(urgency)) log_.end_head();
}

// ---- what other processes do ----

void Engine::look_at_directory() {
  look_at_ = now_ + kLookPause;
  const Result<std::string> place = layer_.check_place();
  if (!place && !gone_) why_gone_ = place.error().message;
  gone_ = !place;
  if (gone_) return;
  if (!place->empty()) errors_.push_back(*place);
  look_at_superblock();
  for (std::size_t count = 0; count < kFilesPerLook; ++count) {
    auto next = table_.all().upper_bound(looked_through_);
    if (next == table_.all().end()) {
      looked_through_ = 0;
      return;
    }
    looked_through_ = next->first;
    look_at(next->second);
  }
}

/// Without it the next start could read nothing.
void Engine::look_at_superblock() {
  if (!home_.is_saved() || layer_.is_there(kSuperblockName)) return;
  errors_.push_back(fmt::format("{} was removed by another process: it is written again", kSuperblockName));
  home_.settle(layer_);
  if (!home_.is_saved()) note_unsaved();
}

void Engine::look_at(TierFile& file) {
  const bool is_being_made = !file.is_segment && file.state == TierFile::State::writing;
  if (file.nameless || is_being_made || file.state == TierFile::State::leaving || layer_.is_there(file.name())) return;
  if (space_.forget_prepared(file.number)) return;
  if (!file.is_segment) return lose(file);
  errors_.push_back(
      fmt::format("{} was removed by another process: its {} objects are copied from the open file, as far "
                  "as there is room",
                  file.name(), file.live_records));
  file.nameless = file.poisoned = true;
  log_.give_up(file.number);
}

/// The file is not open: its object cannot be read any more.
void Engine::lose(TierFile& file) {
  errors_.push_back(fmt::format("{} was removed by another process: its object is lost on disk", file.name()));
  has_lost_ = true;
  lost_records_ += catalogue_.erase_if([&](Sequence, const Entry& entry) { return entry.file == file.number; });
  if (file.live_records != 0) table_.drop_live(file.number, file.live_bytes);
  table_.leave(file);
}

/// While objects are still to be copied from a file without a name, this engine is needed.
bool Engine::needs_new_session() const {
  return has_lost_ && std::ranges::none_of(table_.all(), [](const auto& each) {
           return each.second.nameless && each.second.state != TierFile::State::leaving;
         });
}

}  // namespace dolium::spill
