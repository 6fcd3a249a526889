#include "daemon/spill/recovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "daemon/spill/id_table.h"
#include "daemon/spill/segment_reader.h"
#include "daemon/spill/staging.h"

namespace dolium::spill {
namespace {

/// Maximum number of files that one line names.
constexpr std::size_t kMaxNames = 16;
/// Maximum number of records for which a list of files makes room: it may be damaged.
constexpr std::uint64_t kMostForeseen = std::uint64_t{1} << 22;
constexpr std::uint64_t kRenewedAtOnce = std::uint64_t{4} << 20;

struct IdInFile {
  ObjectId id;
  FileNumber file = 0;
  friend bool operator==(const IdInFile&, const IdInFile&) = default;
};
struct HashIdInFile {
  std::size_t operator()(const IdInFile& key) const noexcept {
    return key.id.hash() ^ (key.file * 0x9e3779b97f4a7c15U);
  }
};

class Survey {
 public:
  Survey(FileLayer& layer, const Superblock& superblock, FileTable& table)
      : layer_(layer), superblock_(superblock), table_(table) {}

  Result<Recovered> run(const std::vector<ListedFile>& listed) {
    std::uint64_t records = 0;
    for (const ListedFile& each : listed) records += each.records;
    found_.reserve(std::min(records, kMostForeseen));
    const Result<std::vector<std::string>> names = layer_.list();
    if (!names) return names.error();
    for (const std::string& name : *names) {
      Result<void> read;
      if (const FileNumber segment = segment_number(name); segment != 0)
        read = read_segment_file(name, segment);
      else if (const FileNumber object = object_number(name); object != 0)
        read = read_object_file(name, object);
      if (!read) return Error{read.error().code, name + ": " + read.error().message, {}, read.error().error_number};
    }
    if (auto safe = make_safe(); !safe) return safe.error();
    undo_copies();
    judge();
    compare(listed);
    return std::move(result_);
  }

 private:
  Result<TierFile*> add(const std::string& name, FileNumber number, bool is_segment) {
    Result<FilePtr> handle = layer_.open(name, OpenMode::existing);
    if (!handle) return handle.error();
    const Result<FileSize> size = layer_.size(**handle);
    if (!size) return size.error();
    return &table_.add({.number = number,
                        .is_segment = is_segment,
                        .state = TierFile::State::closed,
                        .handle = *std::move(handle),
                        .allocated = size->allocated});
  }

  Result<void> read_segment_file(const std::string& name, FileNumber number) {
    const Result<TierFile*> file = add(name, number, true);
    if (!file) return file.error();
    Result<SegmentContents> contents = read_segment(layer_, *(*file)->handle, nonce_of(superblock_, number));
    if (!contents) return contents.error();
    result_.bad_records += contents->bad_records;
    result_.unreadable_blocks += contents->unreadable_blocks;
    if (contents->unreadable_blocks != 0) table_.mark_unread(**file);
    for (const RecordHead& head : contents->heads) take(**file, head);
    if (contents->made_bytes > contents->bytes) cut_.insert(number);
    if (contents->heads.empty() && !(*file)->unread)
      leave_blank(**file);
    else if (!contents->has_footer && !(*file)->unread)
      result_.scanned.push_back({number, std::move(contents->heads), contents->end, std::move(contents->chunks)});
    return {};
  }

  void leave_blank(TierFile& file) {
    file.blank = true;
    table_.leave(file);
  }

  Result<void> read_object_file(const std::string& name, FileNumber number) {
    const Result<TierFile*> file = add(name, number, false);
    if (!file) return file.error();
    const Result<RecordHead> head = read_object_head(layer_, *(*file)->handle, nonce_of(superblock_, number));
    if (head && number > last_own_.first) last_own_ = {number, (*file)->handle};
    (*file)->handle.reset();
    if (head) {
      take(**file, *head);
    } else if (head.error().code == Errc::not_found) {
      leave_blank(**file);
    } else {
      table_.mark_unread(**file);
      ++result_.unreadable_blocks;
    }
    return {};
  }

  /// Of own files only the last one's head can be in doubt: they are written one after the other, and each start does
  /// this.
  Result<void> make_safe() {
    for (const Scanned& each : result_.scanned)
      if (auto safe = renew(*table_.find(each.file)->handle, each.end); !safe) return ignore_read_only(safe);
    if (last_own_.second)
      if (auto safe = renew(*last_own_.second, kBlockBytes); !safe) return ignore_read_only(safe);
    return ignore_read_only(layer_.sync_directory());  // an unlinked file must not come back
  }
  /// Writes the file's bytes up to `end` again, and syncs it. A sync alone would not do: if a write or a sync of the
  /// earlier process has failed, the kernel shows the bytes and takes them for written.
  Result<void> renew(File& file, std::uint64_t end) {
    AlignedBuffer buffer(std::min(end, kRenewedAtOnce));
    for (std::uint64_t at = 0; at < end; at += kRenewedAtOnce) {
      const auto bytes = buffer.bytes().first(std::min(kRenewedAtOnce, end - at));
      const Result<std::size_t> size = layer_.read_now(file, at, bytes);
      if (!size) return size.error();
      if (auto written = layer_.write_now(file, at, bytes.first(*size / kBlockBytes * kBlockBytes)); !written)
        return written;
    }
    return layer_.sync_now(file);
  }
  static Result<void> ignore_read_only(Result<void> result) {
    return !result && result.error().error_number == EROFS ? Result<void>() : result;
  }

  void take(TierFile& file, const RecordHead& head) {
    switch (head.kind) {
      case RecordKind::object: found_.push_back({head, file.number}); break;
      case RecordKind::tombstone: {
        const Tombstone tombstone{id_of(head), head.names, head.sequence, head.stamp, head.incarnation};
        file.tombstones.push_back(tombstone);
        table_.avoid(head.names);
        Sequence& killed = killed_[{tombstone.id, tombstone.names}];
        killed = std::max(killed, tombstone.sequence);
        break;
      }
      case RecordKind::clear:
        table_.avoid(head.names);
        if (head.sequence >= table_.clear().sequence)
          table_.set_clear({head.sequence, head.stamp, head.incarnation, head.names, file.number});
        break;
    }
  }

  [[nodiscard]] bool has_tombstone(const LiveRecord& record) const {
    if (killed_.empty()) return false;
    const auto killed = killed_.find({id_of(record.head), record.file});
    return killed != killed_.end() && record.head.sequence <= killed->second;
  }
  [[nodiscard]] bool is_cleared(const RecordHead& head) const {
    return table_.clear().kills(head.sequence, head.stamp, head.incarnation);
  }
  /// Whether it is dead, and nothing has to be written so that it stays so.
  [[nodiscard]] bool is_buried(const LiveRecord& record) const {
    return has_tombstone(record) || (is_cleared(record.head) && record.file <= table_.clear().through);
  }
  /// Of two copies of one record, one that has no tombstone counts: compaction buries a copy that it gives up.
  [[nodiscard]] bool is_newer(const LiveRecord& a, const LiveRecord& b) const {
    return std::tuple(a.head.sequence, !has_tombstone(a), a.file) >
           std::tuple(b.head.sequence, !has_tombstone(b), b.file);
  }

  // ---- compaction that has not ended ----

  void undo_copies() {
    if (result_.scanned.empty()) return;
    const std::vector<Sequence> others = numbers_elsewhere();
    if (others.empty()) return;
    for (Scanned& each : result_.scanned) undo_copies_in(each, others);
    std::erase_if(found_, [this](const LiveRecord& record) {
      const auto undone = undone_.find(record.file);
      return undone != undone_.end() && std::ranges::binary_search(undone->second, record.head.sequence);
    });
  }
  /// The numbers of records that live in segments with footers, sorted: those that also stand in scanned ones.
  [[nodiscard]] std::vector<Sequence> numbers_elsewhere() const {
    std::set<FileNumber> scanned;
    std::vector<Sequence> numbers;
    for (const Scanned& each : result_.scanned) {
      scanned.insert(each.file);
      for (const RecordHead& head : each.heads)
        if (head.kind == RecordKind::object) numbers.push_back(head.sequence);
    }
    std::ranges::sort(numbers);
    std::vector<Sequence> out;
    for (const LiveRecord& record : found_)
      if (std::ranges::binary_search(numbers, record.head.sequence) && !scanned.contains(record.file) &&
          !table_.find(record.file)->unread && !has_tombstone(record) && !is_cleared(record.head))
        out.push_back(record.head.sequence);
    std::ranges::sort(out);
    return out;
  }
  void undo_copies_in(Scanned& segment, const std::vector<Sequence>& others) {
    const auto is_superfluous = [&](const RecordHead& head) {
      return head.kind == RecordKind::object && std::ranges::binary_search(others, head.sequence);
    };
    const std::size_t whole = segment.heads.size();
    std::vector<Sequence> undone;
    while (!segment.chunks.empty()) {
      segment.chunks.pop_back();
      const ChunkEnd before = segment.chunks.empty() ? ChunkEnd{} : segment.chunks.back();
      const auto first = segment.heads.begin() + static_cast<std::ptrdiff_t>(before.records);
      if (!std::all_of(first, segment.heads.end(), is_superfluous)) break;
      for (auto head = first; head != segment.heads.end(); ++head) undone.push_back(head->sequence);
      segment.heads.erase(first, segment.heads.end());
      segment.end = before.bytes;
    }
    if (segment.heads.size() == whole) return;
    TierFile& file = *table_.find(segment.file);
    table_.mark_evacuated(file);  // until the end is cut off, the copies are there, and have no tombstones
    if (segment.heads.empty()) leave_blank(file);
    std::ranges::sort(undone);
    undone_.emplace(segment.file, std::move(undone));
  }

  // ---- what lives ----

  void judge() {
    const std::vector<bool> is_superseded = superseded();
    std::size_t kept = 0;
    for (std::size_t index = 0; index < found_.size(); ++index) {
      const LiveRecord& record = found_[index];
      if (is_buried(record)) {
        bury(record);
      } else if (is_cleared(record.head) || is_superseded[index]) {
        mourn(record);
      } else {
        table_.add_live(record.file, record.head.payload_size());
        if (kept != index) found_[kept] = record;
        ++kept;
      }
    }
    found_.erase(found_.begin() + static_cast<std::ptrdiff_t>(kept), found_.end());
    result_.objects = std::move(found_);
  }
  /// Of each record: whether there is a newer one of its id. A look-up is a cache miss: those of a group go on
  /// together.
  [[nodiscard]] std::vector<bool> superseded() const {
    constexpr std::size_t kGroup = 16;
    IdTable table(found_.size(), superblock_.secret);
    const auto id_at = [this](std::uint32_t position) -> const IdTable::Id& { return found_[position].head.id; };
    std::vector<bool> out(found_.size(), false);
    std::array<Checksum, kGroup> hashes;
    for (std::size_t index = 0; index < found_.size(); ++index) {
      const IdTable::Id& id = found_[index].head.id;
      if (index % kGroup == 0)
        for (std::size_t i = 0; i < std::min(kGroup, found_.size() - index); ++i)
          hashes[i] = table.prefetch(found_[index + i].head.id);
      std::uint32_t& newest = table.position(id, hashes[index % kGroup], id_at);
      const bool is_first = newest == IdTable::kNone;
      const std::size_t loser = is_first || is_newer(found_[index], found_[newest]) ? newest : index;
      if (!is_first) out[loser] = true;
      if (loser != index) newest = static_cast<std::uint32_t>(index);
    }
    return out;
  }
  /// Dead, and known to be: a file of its own goes.
  void bury(const LiveRecord& record) {
    TierFile* file = table_.find(record.file);
    if (!file->is_segment) table_.leave(*file);
  }
  /// Dead, and the tombstone is missing.
  void mourn(const LiveRecord& record) {
    bury(record);
    const RecordHead& head = record.head;
    result_.missing.push_back({id_of(head), record.file, head.sequence, head.stamp, head.incarnation});
    for (const auto& [file, numbers] : undone_)
      if (std::ranges::binary_search(numbers, head.sequence))
        result_.missing.push_back({id_of(head), file, head.sequence, head.stamp, head.incarnation});
  }

  // ---- what other processes did ----

  void compare(const std::vector<ListedFile>& listed) {
    std::string text;
    std::size_t files = 0;
    const auto tell = [&](const std::string& name, const std::string& what) {
      if (++files <= kMaxNames) text += (text.empty() ? "" : ", ") + fmt::format("{} ({})", name, what);
    };
    for (const ListedFile& each : listed) {
      const FileNumber number = std::max(segment_number(each.name), object_number(each.name));
      const TierFile* file = table_.find(number);
      const auto undone = undone_.find(number);
      const std::uint64_t there =
          (file == nullptr ? 0 : file->live_records) + (undone == undone_.end() ? 0 : undone->second.size());
      if (file != nullptr && (file->unread || there >= each.records)) continue;
      const std::uint64_t lost = each.records - there;
      result_.lost_records += lost;
      cut_.erase(number);
      tell(each.name,
           fmt::format("{}: {} of {} objects", file == nullptr ? "missing" : "cut or changed", lost, each.records));
    }
    for (const FileNumber number : cut_) tell(segment_name(number), "cut: objects at its end are missing");
    if (files > kMaxNames) text += fmt::format(", and {} more", files - kMaxNames);
    if (files != 0)
      result_.losses.push_back(
          fmt::format("{} objects are lost on disk: other processes have removed or changed {} files: {}",
                      result_.lost_records == 0 ? "some" : std::to_string(result_.lost_records), files, text));
  }

  FileLayer& layer_;
  const Superblock& superblock_;
  FileTable& table_;
  Recovered result_;
  LargeVector<LiveRecord> found_;
  std::pair<FileNumber, FilePtr> last_own_{};
  std::map<FileNumber, std::vector<Sequence>> undone_;  // the numbers of copies that do not count, sorted
  std::set<FileNumber> cut_;  // segments that are shorter than they were made, and have no footer
  std::unordered_map<IdInFile, Sequence, HashIdInFile> killed_;
};

}  // namespace

Result<Recovered> recover(FileLayer& layer, const Superblock& superblock, FileTable& table,
                          const std::vector<ListedFile>& listed) {
  return Survey(layer, superblock, table).run(listed);
}

}  // namespace dolium::spill
