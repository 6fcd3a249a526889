#include "daemon/spill/file_table.h"

#include <utility>

namespace dolium::spill {

void FileTable::add_live(FileNumber number, std::uint64_t bytes) {
  TierFile* file = find(number);
  if (file == nullptr) return;
  file->live_bytes += bytes;
  file->put_bytes += bytes + kHeadCost;
  ++file->live_records;
}

void FileTable::drop_live(FileNumber number, std::uint64_t bytes) {
  TierFile* file = find(number);
  if (file == nullptr) return;
  file->live_bytes -= bytes;
  --file->live_records;
}

const std::vector<Tombstone>& FileTable::needed_tombstones(TierFile& file) const {
  std::erase_if(file.tombstones, [&](const Tombstone& each) { return each.names == file.number || !is_needed(each); });
  return file.tombstones;
}

bool FileTable::has_ghosts() {
  if (!std::exchange(ghosts_known_, true))
    has_ghosts_ = std::ranges::any_of(files_, [](const auto& each) { return is_ghost(each.second); });
  return has_ghosts_;
}

bool FileTable::needs_clear_besides(FileNumber number) const {
  if (clear_.sequence == 0) return false;
  for (const auto& [each, file] : files_) {
    if (each > clear_.through) return false;
    if (each != number) return true;
  }
  return false;
}

}  // namespace dolium::spill
