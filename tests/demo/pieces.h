#pragma once
// The pieces that the demo streams: real files. Large files are split, so that any file fits through any store. The
// list of pieces is itself an object in the store: the conductor puts it, the producer gets it.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include <dolium/object_id.h>
#include <dolium/result.h>

namespace dolium::demo {

struct Piece {
  std::string path;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

struct Input {
  std::string directory;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::vector<Piece> pieces;
};

/// The regular files below `directory` that this user may read, symbolic links not followed, until `limit` bytes.
[[nodiscard]] Input collect(const std::string& directory, std::uint64_t limit, std::uint64_t piece_size);

/// Path, offset and size of each piece: a type that every language reads.
using Manifest = std::vector<std::tuple<std::string, std::uint64_t, std::uint64_t>>;
[[nodiscard]] Manifest to_manifest(const std::vector<Piece>& pieces);
[[nodiscard]] std::vector<Piece> from_manifest(const Manifest& manifest);
/// What a piece is stored as.
using PieceBytes = std::vector<unsigned char>;

/// The piece's bytes as they are on disk now; an error when there are fewer.
[[nodiscard]] Result<void> read_piece(const Piece& piece, std::span<std::byte> into);

/// The names that all processes of one run agree on without talking to each other.
class Names {
 public:
  explicit Names(std::string run) : run_(std::move(run)) {}
  [[nodiscard]] const std::string& run() const noexcept { return run_; }
  [[nodiscard]] ObjectId manifest() const { return id("manifest"); }
  [[nodiscard]] ObjectId piece(std::size_t number) const { return id(std::to_string(number)); }
  /// The ticket of a piece, for the worker that digests it.
  [[nodiscard]] ObjectId order(std::size_t number) const { return id("order/" + std::to_string(number)); }
  [[nodiscard]] ObjectId result(std::size_t number) const { return id("result/" + std::to_string(number)); }
  /// Put when all is done: workers hold what they hold until then.
  [[nodiscard]] ObjectId end() const { return id("end"); }

 private:
  [[nodiscard]] ObjectId id(const std::string& name) const { return ObjectId::from_name("demo/" + run_ + "/" + name); }

  std::string run_;
};

}  // namespace dolium::demo
