#include "daemon/spill/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "shm/os/system_error.h"

namespace dolium::spill {
namespace {

Log::Parts parts_of(FileLayer& layer, IoQueue& io, FileTable& table, Space& space, const Home& home) {
  return {layer, io, table, space, home.superblock()};
}

}  // namespace

Engine::Engine(FileLayer& layer, const EngineOptions& options, Home home)
    : layer_(layer),
      home_(std::move(home)),
      io_(layer),
      space_(layer, table_, options.geometry, options.capacity),
      log_(parts_of(layer, io_, table_, space_, home_)),
      objects_(parts_of(layer, io_, table_, space_, home_)),
      removals_(log_, table_),
      reader_(io_, damages_),
      compactor_(parts_of(layer, io_, table_, space_, home_), log_, removals_, catalogue_, damages_),
      verifier_([this](Sequence location, ReadBack read_back) {
        if (find(location) == nullptr) return false;
        read(location, {}, std::move(read_back));
        return true;
      }),
      next_sequence_(home_.first_sequence()) {}

Engine::~Engine() {
  *open_ = false;
}

Result<std::unique_ptr<Engine>> Engine::open(FileLayer& layer, const EngineOptions& options, const Machine& machine) {
  Result<Home> home = Home::open(layer, machine);
  if (!home) return std::move(home).error();
  std::unique_ptr<Engine> engine(new Engine(layer, options, *std::move(home)));
  const std::vector<ListedFile> listed = read_file_list(layer, engine->superblock().opens - 1);
  Result<Recovered> recovered = recover(layer, engine->superblock(), engine->table_, listed);
  if (!recovered) return std::move(recovered).error();
  engine->recovered_ = *std::move(recovered);
  engine->begin();
  return engine;
}

void Engine::begin() {
  clear_ = table_.clear();
  lost_records_ = recovered_.lost_records;
  errors_ = std::exchange(recovered_.losses, {});
  catalogue_.reserve(recovered_.objects.size());
  for (const LiveRecord& each : recovered_.objects)
    catalogue_.insert(each.head.sequence, entry_of(each.head, each.file));
  if (home_.why_not().error_number != EROFS)
    space_.remove_leaving(true);  // the last spare: its room may be all that there is
  if (!home_.is_saved()) home_.settle(layer_);
  if (home_.is_saved()) return start_writing();
  note_unsaved();
}

void Engine::note_unsaved() {
  space_.note_failure(home_.why_not().error_number, "the superblock cannot be written: " + home_.why_not().message);
}

/// What recovery left to do.
void Engine::start_writing() {
  if (std::exchange(writes_, true)) return;
  const RemovalPtr missing = removal([this] { settled_ = true; });
  for (const Tombstone& each : std::exchange(recovered_.missing, {})) removals_.bury(each, missing);
  for (Scanned& each : std::exchange(recovered_.scanned, {}))
    if (!each.heads.empty()) log_.add_footer(*table_.find(each.file), std::move(each.heads), each.end);
}

Result<void> Engine::adopt(const Incarnation& incarnation) {
  Result<void> adopted = home_.adopt(layer_, incarnation);
  if (adopted) incarnation_ = incarnation;
  if (adopted && !home_.is_saved()) note_unsaved();
  return adopted;
}

RemovalPtr Engine::removal(Dropped dropped) const {
  if (!dropped) return std::make_shared<Removal>(nullptr);
  return std::make_shared<Removal>([open = open_, dropped = std::move(dropped)] {
    if (*open) dropped();
  });
}

// ---- writing ----

void Engine::write(const RecordHead& head, std::span<const std::byte> payload, Written written) {
  Append object{.head = head, .payload = payload, .keeps = {}, .done = {}};
  object.head.sequence = ++next_sequence_;
  object.head.incarnation = incarnation_;
  object.head.checksum = {};
  object.head.kind = RecordKind::object;
  if (const int error = why_no_write(); error != 0) return written(error, 0);
  object.done = [this, number = writes_under_way_.put(std::move(written))](const Appended& appended) {
    on_written(appended, writes_under_way_.take(number));
  };
  if (payload.size() >= space_.geometry().own_file_bytes)
    objects_.put(std::move(object));
  else
    log_.put(std::move(object));
}

int Engine::why_no_write() const noexcept {
  return gone_ ? ESTALE : home_.why_not().error_number;
}

void Engine::on_written(const Appended& appended, const Written& written) {
  const int error = appended.error == 0 && is_cleared(appended.head) ? ECANCELED : appended.error;
  if (error != 0) return give_up(appended, error, written);
  catalogue_.insert(appended.head.sequence, entry_of(appended.head, appended.file));
  table_.add_live(appended.file, appended.head.payload_size());
  if (held_.empty() && !removals_.is_behind()) return written(0, appended.head.sequence);
  held_.push_back({appended.head, appended.file, written});
}

void Engine::tell_held() {
  while (!held_.empty() && !removals_.is_behind()) {
    const Held held = std::move(held_.front());
    held_.pop_front();
    const Sequence location = held.head.sequence;
    if (find(location) != nullptr)
      held.written(0, location);
    else  // it was cleared while it waited
      give_up({ECANCELED, held.file, held.head}, ECANCELED, held.written);
  }
}

/// The record may be on the disk: it gets a tombstone before its failure is told, so that it cannot come back after the
/// object was removed. If the tombstone fails, too, that is told at once: the disk may be gone.
void Engine::give_up(const Appended& appended, int error, const Written& written) {
  TierFile* file = table_.find(appended.file);
  if (file == nullptr) return written(error, 0);
  if (!file->is_segment) table_.leave(*file);
  const RecordHead& head = appended.head;
  const Tombstone tombstone{id_of(head), appended.file, head.sequence, head.stamp, head.incarnation};
  removals_.bury(tombstone, removal([written, error] { written(error, 0); }), Removals::Tell::first_failure);
}

bool Engine::is_cleared(const RecordHead& head) const {
  return clear_.kills(head.sequence, head.stamp, head.incarnation);
}

// ---- reading ----

const Entry* Engine::find(Sequence location) const {
  return catalogue_.find(location);
}

void Engine::read(Sequence location, std::span<std::byte> into, ReadBack read) {
  const Entry* entry = find(location);
  const TierFile* file = entry == nullptr ? nullptr : table_.find(entry->file);
  if (file == nullptr) return read(ENOENT);
  FilePtr handle = file->handle;
  if (!handle) {
    const Result<FilePtr> opened = layer_.open(file->name(), OpenMode::existing);
    if (!opened) return read(opened.error().error_number == 0 ? EIO : opened.error().error_number);
    handle = *opened;
  }
  reader_.read(*entry, std::move(handle), into, std::move(read));
}

// ---- dropping ----

void Engine::drop(Sequence location, Dropped dropped) {
  const Entry* found = catalogue_.find(location);
  const RemovalPtr waiting = removal(std::move(dropped));
  if (found == nullptr) return;
  const Entry entry = *found;
  catalogue_.erase(location);
  drop_entry(location, entry, waiting);
}

void Engine::drop_entry(Sequence location, const Entry& entry, const RemovalPtr& waiting) {
  table_.drop_live(entry.file, entry.size);
  compactor_.drop_during_move(location, waiting);
  TierFile* file = table_.find(entry.file);
  const Tombstone tombstone{entry.id, entry.file, location, entry.stamp, entry.incarnation};
  if (file->is_segment) {
    removals_.bury(tombstone, waiting);
  } else {
    file->epitaph = tombstone;
    table_.leave(*file);
    removals_.await_end(entry.file, waiting);
  }
  bury_ghosts(tombstone, waiting);
}

/// Files that hold, or may hold, dead records of which nothing is known: those that could not be read, and those from
/// which compaction has moved records, until they are removed for good.
void Engine::bury_ghosts(const Tombstone& tombstone, const RemovalPtr& waiting) {
  if (!table_.has_ghosts()) return;
  for (const auto& [number, file] : table_.all()) {
    if (number == tombstone.names || !FileTable::is_ghost(file)) continue;
    Tombstone other = tombstone;
    other.names = number;
    removals_.bury(other, waiting);
  }
}

/// Own files that were dropped, and cannot be removed. No segment is removed before their tombstones are durable: it
/// could hold the younger record that keeps theirs dead.
void Engine::bury_stuck() {
  if (!table_.has_ghosts()) return;
  for (auto& [number, file] : table_.all()) {
    if (!file.stuck || !file.epitaph) continue;
    removals_.bury(*std::exchange(file.epitaph, std::nullopt), removal([this, number = number] {
      if (TierFile* stuck = table_.find(number)) stuck->unburied = false;
    }));
    file.unburied = true;
  }
}

void Engine::clear(std::uint64_t stamp, Dropped dropped) {
  const RemovalPtr waiting = removal(std::move(dropped));
  if (clear_.incarnation == incarnation_) stamp = std::max(stamp, clear_.stamp);  // the record takes the place of that
  clear_ = {++next_sequence_, stamp, incarnation_, table_.last_number(), 0};
  log_.cancel([this](const RecordHead& head) { return is_cleared(head); });
  objects_.cancel([this](const RecordHead& head) { return is_cleared(head); });
  catalogue_.erase_if([&](Sequence location, const Entry& entry) {
    if (!clear_.kills(location, entry.stamp, entry.incarnation)) return false;
    table_.drop_live(entry.file, entry.size);
    compactor_.drop_during_move(location, waiting);
    TierFile* file = table_.find(entry.file);
    if (!file->is_segment) table_.leave(*file);
    return true;
  });
  removals_.clear(clear_, waiting);
}

Result<std::uint64_t> Engine::forget() {
  if (gone_) return std::uint64_t{0};  // the files are elsewhere, or no more
  if (auto changed = home_.change_secret(layer_); !changed) return changed.error();
  std::uint64_t freed = 0;
  for (auto& [number, file] : table_.all())  // what stays is empty for the next opening, which removes it
    if (layer_.unlink(file.name())) freed += file.allocated;
  return freed;
}

std::vector<std::string> Engine::take_errors() {
  std::vector<std::string> out = std::exchange(errors_, {});
  for (const Damage& each : damages_.take()) {
    const TierFile* file = table_.find(each.file);
    const std::string name = file == nullptr ? "a file that is gone" : file->name();
    const std::string id = each.id.hex();
    out.push_back(each.error == EBADMSG
                      ? fmt::format("object {} is damaged: its record in {} does not match its checksum", id, name)
                      : shm::system_error(fmt::format("read object {} from {}", id, name), each.error).message);
  }
  return out;
}

// ---- upkeep ----

bool Engine::step(shm::TimeNs now, bool wait) {
  now_ = now;
  space_.set_time(now);
  const bool happened = io_.run(wait);
  verifier_.pump(catalogue_, now);
  compactor_.pump();
  log_.pump();
  objects_.pump();
  reader_.pump();
  maintain();
  tell_held();
  return happened;
}

bool Engine::is_idle() const noexcept {
  return log_.is_idle() && objects_.is_idle() && reader_.is_idle() && removals_.is_idle() && !compactor_.is_busy() &&
         !verifier_.is_running() && io_.is_idle() && held_.empty();
}

EngineReport Engine::report() const {
  EngineReport out{.condition = condition(), .reason = gone_ ? why_gone_ : space_.reason()};
  if (out.condition == Condition::ready) out.reason.clear();
  for (const auto& [number, file] : table_.all()) {
    out.used_bytes += file.allocated;
    out.live_bytes += file.live_bytes;
  }
  out.capacity = space_.capacity();
  out.last_sync_ns = log_.last_sync_ns();
  out.records = catalogue_.size();
  out.files = table_.all().size();
  out.written_bytes = log_.written_bytes() + objects_.written_bytes();
  out.read_bytes = reader_.read_bytes();
  out.compacted_bytes = compactor_.moved_bytes();
  out.write_errors = log_.errors() + objects_.errors();
  out.read_errors = reader_.errors() + compactor_.damaged();
  out.damaged = damages_.damaged();
  out.unreadable = damages_.unreadable();
  out.lost_records = lost_records_;
  return out;
}

}  // namespace dolium::spill
