#pragma once
// The tier's files: what stands in them, byte by byte. README.md describes them in words.
//
// A segment is a row of chunks. A chunk begins at a multiple of 4 KiB:
//
//   ChunkHeader, RecordHead x records, zeros to 4 KiB, then the payloads, each at a multiple of 64 bytes, zeros to 4
//   KiB
//
// A payload is the object's extent: data, metadata, name of the type, label, without gaps. A chunk's header and heads
// are guarded by one CRC32C, each payload by its own XXH3-128. The `nonce` is a secret of the directory and the file:
// otherwise a client could write an object that contains a forged chunk, and a scan would find it there.
//
// All numbers are little-endian. Values: copy.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include <dolium/object_id.h>

#include "daemon/spill_home/superblock.h"

namespace dolium::spill {

inline constexpr std::uint64_t kBlockBytes = 4096;
inline constexpr std::uint64_t kPayloadAlignment = 64;

/// Numbers a segment or an object's own file. Never used twice in one directory. 0: none.
using FileNumber = std::uint32_t;
/// Numbers a record. Never used twice in one directory; a copy made by compaction keeps its number. 0: none. It is the
/// object's location in the store's ledger, so moving the record changes nothing there.
using Sequence = std::uint64_t;
using Checksum = std::array<std::uint64_t, 2>;

constexpr std::uint64_t round_up(std::uint64_t bytes, std::uint64_t unit) noexcept {
  return (bytes + unit - 1) / unit * unit;
}

enum class RecordKind : std::uint8_t {
  object = 1,
  tombstone = 2,  ///< the record `sequence` in the file `names` is dead
  clear = 3,      ///< earlier records are dead: see ClearMark. They are in files up to `names`
};

struct RecordHead {
  std::array<unsigned char, ObjectId::kSize> id{};
  std::uint32_t metadata_size = 0;
  Sequence sequence = 0;
  std::uint64_t data_size = 0;
  std::uint64_t type_tag = 0;
  std::int64_t expires_at_ns = 0;  ///< wall clock, nanoseconds since 1970; 0: never
  std::uint64_t stamp = 0;         ///< the store's time of the seal: tells two objects of one id apart
  std::uint64_t time_to_live_ms = 0;
  std::uint64_t time_to_idle_ms = 0;
  Checksum checksum{};
  Incarnation incarnation{};     ///< the store that wrote it; stamps of two stores are not comparable
  std::uint32_t payload_at = 0;  ///< in the file, in units of kPayloadAlignment
  std::uint32_t uid = 0;
  std::uint8_t type_name_size = 0;
  std::uint8_t label_size = 0;
  std::uint8_t unused = 0;
  RecordKind kind = RecordKind::object;
  FileNumber names = 0;

  [[nodiscard]] std::uint64_t payload_size() const noexcept {
    return kind == RecordKind::object ? data_size + metadata_size + type_name_size + label_size : 0;
  }
  [[nodiscard]] std::uint64_t payload_offset() const noexcept { return payload_at * kPayloadAlignment; }
};
static_assert(sizeof(RecordHead) == 128 && std::is_trivially_copyable_v<RecordHead>);

[[nodiscard]] ObjectId id_of(const RecordHead& head);

enum class ChunkKind : std::uint32_t {
  records = 1,
  object = 2,   ///< first block of an object's own file, with its one head; the payload follows
  footer = 3,   ///< the heads of all records of a segment
  trailer = 4,  ///< last block of a segment that has a footer
};

struct ChunkHeader {
  std::uint64_t magic = 0;
  Nonce nonce{};
  std::uint64_t position = 0;  ///< in the file, in bytes
  std::uint64_t bytes = 0;     ///< of the whole chunk, a multiple of kBlockBytes
  std::uint64_t target = 0;    ///< of records: the segment's size when it was made; of a trailer: the footer's place
  ChunkKind kind = ChunkKind::records;
  std::uint32_t records = 0;
  std::uint32_t format = kFormat;
  std::uint32_t crc = 0;  ///< of this header, with 0 here, and of the heads
};
static_assert(sizeof(ChunkHeader) == 64 && std::is_trivially_copyable_v<ChunkHeader>);

/// Bytes of a chunk before its payloads.
constexpr std::uint64_t heads_bytes(std::uint64_t records) noexcept {
  return round_up(sizeof(ChunkHeader) + records * sizeof(RecordHead), kBlockBytes);
}
/// Bytes of a segment's footer and trailer.
constexpr std::uint64_t footer_bytes(std::uint64_t records) noexcept {
  return heads_bytes(records) + kBlockBytes;
}

/// Writes header and heads to the beginning of `chunk`, and zeros up to heads_bytes().
void write_chunk(std::span<std::byte> chunk, ChunkKind kind, const Nonce& nonce, std::uint64_t position,
                 std::span<const RecordHead> heads, std::uint64_t target = 0);

/// What the first block of a chunk says. `bytes` holds at least a block. False: no chunk begins here, or it belongs to
/// another file or place. The heads are not checked yet.
[[nodiscard]] bool read_chunk_header(std::span<const std::byte> bytes, const Nonce& nonce, std::uint64_t position,
                                     ChunkHeader& header);
/// Whether the CRC32C fits. `bytes` begins with the header and holds all heads.
[[nodiscard]] bool check_chunk(std::span<const std::byte> bytes, const ChunkHeader& header);
[[nodiscard]] RecordHead read_head(std::span<const std::byte> chunk, std::uint32_t index);

/// The secret of one file.
[[nodiscard]] Nonce nonce_of(const Superblock& block, FileNumber file);

/// "segment-0000002a", "object-0000002a".
[[nodiscard]] std::string segment_name(FileNumber file);
[[nodiscard]] std::string object_name(FileNumber file);
/// The number in such a name; 0 if it is none.
[[nodiscard]] FileNumber segment_number(std::string_view name);
[[nodiscard]] FileNumber object_number(std::string_view name);

}  // namespace dolium::spill
