#include "daemon/spill/file_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

namespace dolium::spill {
namespace {

constexpr const char* kName = "files";

std::string first_line(std::uint32_t opening) {
  return fmt::format("files of a Dolium spill directory, opening {}", opening);
}

}  // namespace

Result<void> write_file_list(FileLayer& layer, const Superblock& superblock, const FileTable& table) {
  std::string text = first_line(superblock.opens) + "\n";
  for (const auto& [number, file] : table.all())
    if (file.live_records != 0) text += fmt::format("{} {}\n", file.name(), file.live_records);
  text += "end\n";
  const Result<FilePtr> file = layer.open(kName, OpenMode::small);
  if (!file) return file.error();
  if (auto written = layer.write_now(**file, 0, std::as_bytes(std::span(text))); !written) return written;
  if (auto cut = layer.truncate(**file, text.size()); !cut) return cut;
  if (auto synced = layer.sync_now(**file); !synced) return synced;
  return layer.sync_directory();
}

std::vector<ListedFile> read_file_list(FileLayer& layer, std::uint32_t opening) {
  const Result<FilePtr> file = layer.is_there(kName) ? layer.open(kName, OpenMode::small) : FilePtr();
  if (!file || *file == nullptr) return {};
  const Result<FileSize> size = layer.size(**file);
  if (!size) return {};
  std::string text(size->bytes, '\0');
  const Result<std::size_t> count = layer.read_now(**file, 0, std::as_writable_bytes(std::span(text)));
  if (!count || *count != text.size()) return {};
  std::istringstream lines(text);
  std::string line;
  if (!std::getline(lines, line) || line != first_line(opening)) return {};
  std::vector<ListedFile> out;
  ListedFile each;
  while (lines >> each.name >> each.records) out.push_back(each);
  return each.name == "end" ? out : std::vector<ListedFile>();  // written only in part
}

}  // namespace dolium::spill
