#pragma once
// FileList: which files an orderly end left in the directory, with how many objects. The next opening compares, so that
// a file that was removed or cut in between is told, and not forgotten. After a crash there is no list.
//
// The file "files": a line with the number of the opening that wrote it, then "NAME RECORDS" for each file.

#include <string>
#include <vector>

#include "daemon/spill/file_table.h"

namespace dolium::spill {

struct ListedFile {
  std::string name;
  std::uint64_t records = 0;
};

[[nodiscard]] Result<void> write_file_list(FileLayer& layer, const Superblock& superblock, const FileTable& table);
/// The list of this opening; empty if there is none.
[[nodiscard]] std::vector<ListedFile> read_file_list(FileLayer& layer, std::uint32_t opening);

}  // namespace dolium::spill
