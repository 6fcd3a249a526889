#include "tests/demo/pieces.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
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

Manifest to_manifest(const std::vector<Piece>& pieces) {
  Manifest manifest;
  for (const Piece& piece : pieces) manifest.emplace_back(piece.path, piece.offset, piece.size);
  return manifest;
}

std::vector<Piece> from_manifest(const Manifest& manifest) {
  std::vector<Piece> pieces;
  for (const auto& [path, offset, size] : manifest) pieces.push_back({path, offset, size});
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
