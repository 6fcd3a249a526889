#include "daemon/spill/format.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cstring>

#include "daemon/spill/checksum.h"

namespace dolium::spill {
namespace {

static_assert(std::endian::native == std::endian::little, "the files are little-endian");

constexpr std::uint64_t kChunkMagic = 0x6b6e7563'6d6c6f64;  // "dolmcunk"

std::uint32_t crc_of(const ChunkHeader& header, std::span<const std::byte> heads) {
  ChunkHeader copy = header;
  copy.crc = 0;
  return crc32c(heads, crc32c(std::as_bytes(std::span(&copy, 1))));
}

FileNumber number_in(std::string_view name, std::string_view prefix) {
  constexpr std::size_t kDigits = 8;
  if (!name.starts_with(prefix) || name.size() != prefix.size() + kDigits) return 0;
  FileNumber number = 0;
  const char* end = name.data() + name.size();
  const auto [last, error] = std::from_chars(name.data() + prefix.size(), end, number, 16);
  return error == std::errc() && last == end ? number : 0;
}

}  // namespace

ObjectId id_of(const RecordHead& head) {
  ObjectId id;
  static_assert(sizeof(id) == sizeof(head.id) && std::is_trivially_copyable_v<ObjectId>);
  std::memcpy(&id, head.id.data(), sizeof(id));
  return id;
}

void write_chunk(std::span<std::byte> chunk, ChunkKind kind, const Nonce& nonce, std::uint64_t position,
                 std::span<const RecordHead> heads, std::uint64_t target) {
  ChunkHeader header{.magic = kChunkMagic,
                     .nonce = nonce,
                     .position = position,
                     .bytes = chunk.size(),
                     .target = target,
                     .kind = kind,
                     .records = static_cast<std::uint32_t>(heads.size())};
  header.crc = crc_of(header, std::as_bytes(heads));
  std::memcpy(chunk.data(), &header, sizeof(header));
  if (!heads.empty()) std::memcpy(chunk.data() + sizeof(header), heads.data(), heads.size_bytes());
  const std::size_t used = sizeof(header) + heads.size_bytes();
  std::memset(chunk.data() + used, 0, heads_bytes(heads.size()) - used);
}

bool read_chunk_header(std::span<const std::byte> bytes, const Nonce& nonce, std::uint64_t position,
                       ChunkHeader& header) {
  std::memcpy(&header, bytes.data(), sizeof(header));
  return header.magic == kChunkMagic && header.nonce == nonce && header.position == position &&
         header.format == kFormat && header.bytes % kBlockBytes == 0 && header.bytes >= heads_bytes(header.records);
}

bool check_chunk(std::span<const std::byte> bytes, const ChunkHeader& header) {
  const std::size_t size = std::size_t{header.records} * sizeof(RecordHead);
  return bytes.size() >= sizeof(header) + size && header.crc == crc_of(header, bytes.subspan(sizeof(header), size));
}

RecordHead read_head(std::span<const std::byte> chunk, std::uint32_t index) {
  RecordHead head;
  std::memcpy(&head, chunk.data() + sizeof(ChunkHeader) + std::size_t{index} * sizeof(head), sizeof(head));
  return head;
}

Nonce nonce_of(const Superblock& block, FileNumber file) {
  const std::array<std::uint64_t, 3> words = {block.secret[0], block.secret[1], file};
  return checksum_of(std::as_bytes(std::span(words)));
}

std::string segment_name(FileNumber file) {
  return fmt::format("segment-{:08x}", file);
}

std::string object_name(FileNumber file) {
  return fmt::format("object-{:08x}", file);
}

FileNumber segment_number(std::string_view name) {
  return number_in(name, "segment-");
}

FileNumber object_number(std::string_view name) {
  return number_in(name, "object-");
}

}  // namespace dolium::spill
