#include "tests/demo/pieces.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "shm/os/system_error.h"
#include "shm/os/unique_fd.h"

namespace dolium::demo {
namespace {

namespace fs = std::filesystem;

/// False when the limit is reached.
bool add_file(Input& input, const fs::directory_entry& entry, std::uint64_t limit, std::uint64_t piece_size) {
  std::error_code problem;
  if (entry.is_symlink(problem) || !entry.is_regular_file(problem)) return true;
  const std::uint64_t size = entry.file_size(problem);
  if (problem || ::access(entry.path().c_str(), R_OK) != 0) return true;
  if (input.bytes + size > limit) return false;
  ++input.files;
  input.bytes += size;
  std::uint64_t offset = 0;
  do {
    input.pieces.push_back({entry.path().string(), offset, std::min(piece_size, size - offset)});
    offset += piece_size;
  } while (offset < size);
  return true;
}

bool take_number(std::string_view& text, std::uint64_t& number) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end == text.data() + text.size() || *end != ' ') return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return true;
}

}  // namespace

Input collect(const std::string& directory, std::uint64_t limit, std::uint64_t piece_size) {
  Input input;
  input.directory = directory;
  std::error_code problem;
  fs::recursive_directory_iterator each(directory, fs::directory_options::skip_permission_denied, problem);
  for (; !problem && each != fs::recursive_directory_iterator(); each.increment(problem))
    if (!add_file(input, *each, limit, piece_size)) break;
  return input;
}

std::string to_manifest(const std::vector<Piece>& pieces) {
  std::string manifest;
  for (const Piece& piece : pieces) {
    manifest += fmt::format("{} {} {}", piece.offset, piece.size, piece.path);
    manifest += '\0';
  }
  return manifest;
}

Result<std::vector<Piece>> from_manifest(std::string_view manifest) {
  std::vector<Piece> pieces;
  while (!manifest.empty()) {
    Piece piece;
    const bool numbers = take_number(manifest, piece.offset) && take_number(manifest, piece.size);
    const std::size_t end = manifest.find('\0');
    if (!numbers || end == std::string_view::npos) return Error{Errc::invalid_argument, "the manifest is damaged"};
    piece.path = manifest.substr(0, end);
    manifest.remove_prefix(end + 1);
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

Result<void> read_piece(const Piece& piece, std::span<std::byte> into) {
  const shm::UniqueFd file(::open(piece.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  std::uint64_t offset = piece.offset;
  while (!into.empty()) {
    const ssize_t count = ::pread(file.get(), into.data(), into.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return shm::system_error("read " + piece.path);
    if (count == 0) return Error{Errc::system_error, fmt::format("{} became shorter meanwhile", piece.path)};
    into = into.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

}  // namespace dolium::demo
