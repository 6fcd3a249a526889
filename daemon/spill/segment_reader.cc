#include "daemon/spill/segment_reader.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "daemon/spill/checksum.h"
#include "daemon/spill/staging.h"

namespace dolium::spill {
namespace {

constexpr std::uint64_t kWindowBytes = std::uint64_t{8} << 20;

/// A part of a file in memory, which moves forward.
class Window {
 public:
  Window(FileLayer& layer, File& file, std::uint64_t file_bytes)
      : layer_(layer), file_(file), file_bytes_(file_bytes / kBlockBytes * kBlockBytes) {}

  /// Bytes of the file; empty when they cannot be read. Valid until the next call. `offset`: a multiple of kBlockBytes
  /// where nothing before it is needed any more.
  [[nodiscard]] std::span<const std::byte> at(std::uint64_t offset, std::uint64_t size) {
    if (offset + size > file_bytes_ || offset + size < offset) return {};
    if (offset < begin_ || offset + size > begin_ + loaded_) {
      const std::uint64_t from = offset / kBlockBytes * kBlockBytes;
      const std::uint64_t needed = round_up(offset + size, kBlockBytes) - from;
      if (!load(from, std::max(needed, kWindowBytes)) && !load(from, needed)) return {};
    }
    return buffer_->bytes().subspan(offset - begin_, size);
  }
  [[nodiscard]] std::uint64_t file_bytes() const noexcept { return file_bytes_; }

 private:
  bool load(std::uint64_t from, std::uint64_t size) {
    size = std::min(size, file_bytes_ - from);
    if (!buffer_ || buffer_->bytes().size() < size) buffer_ = std::make_unique<AlignedBuffer>(size);
    const Result<std::size_t> count = layer_.read_now(file_, from, buffer_->bytes().first(size));
    begin_ = from;
    loaded_ = count && *count == size ? size : 0;
    return loaded_ != 0;
  }

  FileLayer& layer_;
  File& file_;
  const std::uint64_t file_bytes_;
  std::unique_ptr<AlignedBuffer> buffer_;
  std::uint64_t begin_ = 0;
  std::uint64_t loaded_ = 0;
};

/// The checked header of the chunk at this place, with its heads in `heads`.
std::optional<ChunkHeader> read_heads(Window& window, const Nonce& nonce, std::uint64_t position,
                                      std::vector<RecordHead>& heads) {
  ChunkHeader header;
  const auto block = window.at(position, kBlockBytes);
  if (block.empty() || !read_chunk_header(block, nonce, position, header)) return std::nullopt;
  if (header.bytes > window.file_bytes() - position) return std::nullopt;
  const auto bytes = window.at(position, heads_bytes(header.records));
  if (bytes.empty() || !check_chunk(bytes, header)) return std::nullopt;
  heads.resize(header.records);
  for (std::uint32_t index = 0; index < header.records; ++index) heads[index] = read_head(bytes, index);
  return header;
}

/// Whether the record's bytes lie in its chunk and fit their checksum.
bool is_whole(Window& window, const ChunkHeader& header, const RecordHead& head) {
  if (head.kind != RecordKind::object) return true;
  const std::uint64_t size = head.payload_size();
  const std::uint64_t end = header.position + header.bytes;
  if (head.payload_offset() < header.position || head.payload_offset() > end || size > end - head.payload_offset())
    return false;
  if (size == 0) return head.checksum == checksum_of({});
  const auto bytes = window.at(head.payload_offset(), size);
  return !bytes.empty() && head.checksum == checksum_of(bytes);
}

bool read_footer(Window& window, const Nonce& nonce, SegmentContents& contents) {
  if (window.file_bytes() < kBlockBytes) return false;
  const std::uint64_t last = window.file_bytes() - kBlockBytes;
  std::vector<RecordHead> none;
  const auto trailer = read_heads(window, nonce, last, none);
  if (!trailer || trailer->kind != ChunkKind::trailer || trailer->target >= last) return false;
  const auto footer = read_heads(window, nonce, trailer->target, contents.heads);
  contents.end = trailer->target;
  return footer && footer->kind == ChunkKind::footer;
}

void scan(Window& window, const Nonce& nonce, SegmentContents& contents) {
  std::vector<RecordHead> heads;
  for (std::uint64_t position = 0; position + kBlockBytes <= window.file_bytes();) {
    if (window.at(position, kBlockBytes).empty()) ++contents.unreadable_blocks;
    const auto header = read_heads(window, nonce, position, heads);
    if (!header || header->kind != ChunkKind::records) {
      position += kBlockBytes;
      continue;
    }
    for (const RecordHead& head : heads) {
      if (is_whole(window, *header, head))
        contents.heads.push_back(head);
      else
        ++contents.bad_records;
    }
    contents.made_bytes = std::max(contents.made_bytes, header->target);
    position += header->bytes;
    contents.end = position;
    contents.chunks.push_back({position, contents.heads.size()});
  }
}

}  // namespace

Result<SegmentContents> read_segment(FileLayer& layer, File& file, const Nonce& nonce) {
  const Result<FileSize> size = layer.size(file);
  if (!size) return size.error();
  Window window(layer, file, size->bytes);
  SegmentContents contents;
  contents.has_footer = read_footer(window, nonce, contents);
  if (contents.has_footer) return contents;
  contents = {};
  contents.bytes = size->bytes;
  scan(window, nonce, contents);
  return contents;
}

Result<RecordHead> read_object_head(FileLayer& layer, File& file, const Nonce& nonce) {
  const Result<FileSize> size = layer.size(file);
  if (!size) return size.error();
  AlignedBuffer block(kBlockBytes);
  const Result<std::size_t> count = layer.read_now(file, 0, block.bytes());
  if (!count) return count.error();
  ChunkHeader header;
  if (*count < kBlockBytes || !read_chunk_header(block.bytes(), nonce, 0, header) || header.records != 1 ||
      header.kind != ChunkKind::object || !check_chunk(block.bytes(), header))
    return Error{Errc::not_found, "the file holds no complete object"};
  const RecordHead head = read_head(block.bytes(), 0);
  if (head.payload_offset() + head.payload_size() > size->bytes)
    return Error{Errc::not_found, "the file is shorter than its object"};
  return head;
}

}  // namespace dolium::spill
