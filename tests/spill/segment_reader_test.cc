#include "daemon/spill/segment_reader.h"

#include <catch2/catch.hpp>
#include <cstring>

#include "daemon/spill/checksum.h"
#include "tests/spill/crash_model.h"
#include "tests/spill/memory_files.h"

namespace {

using namespace dolium::test;
using namespace dolium::spill;

constexpr Nonce kNonce = {7, 8};

/// A chunk with one object of this size, at this place.
std::vector<std::byte> chunk_at(std::uint64_t position, std::uint64_t id, std::size_t size,
                                const Nonce& nonce = kNonce) {
  TestObject object = make_object(id, id, size);
  object.head.sequence = id;
  object.head.payload_at = static_cast<std::uint32_t>((position + kBlockBytes) / kPayloadAlignment);
  object.head.checksum = checksum_of(object.bytes);
  std::vector<std::byte> out(kBlockBytes + round_up(size, kBlockBytes));
  write_chunk(out, ChunkKind::records, nonce, position, std::span(&object.head, 1));
  if (size != 0) std::memcpy(out.data() + kBlockBytes, object.bytes.data(), size);
  return out;
}

std::vector<Sequence> sequences_in(MemoryFiles& files, SegmentContents* contents = nullptr) {
  auto file = files.open("segment-00000001", OpenMode::existing);
  REQUIRE(file);
  const auto read = read_segment(files, **file, kNonce);
  REQUIRE(read);
  if (contents != nullptr) *contents = *read;
  std::vector<Sequence> out;
  for (const RecordHead& each : read->heads) out.push_back(each.sequence);
  return out;
}

struct SegmentFile {
  MemoryFiles files{1};
  FilePtr file;
  SegmentFile() {
    file = *files.open("segment-00000001", OpenMode::create);
    REQUIRE(files.allocate(*file, 16 * kBlockBytes));
  }
  void put(std::uint64_t position, const std::vector<std::byte>& bytes) {
    REQUIRE(files.write_now(*file, position, bytes));
  }
};

}  // namespace

TEST_CASE("a scan goes on behind a bad chunk") {
  SegmentFile segment;
  segment.put(0, chunk_at(0, 1, 100));
  segment.put(2 * kBlockBytes, chunk_at(2 * kBlockBytes, 2, 100));
  segment.put(4 * kBlockBytes, chunk_at(4 * kBlockBytes, 3, 100));
  CHECK(sequences_in(segment.files) == std::vector<Sequence>{1, 2, 3});
  segment.files.corrupt("segment-00000001", 2 * kBlockBytes + 70);  // in a head
  SegmentContents contents;
  CHECK(sequences_in(segment.files, &contents) == std::vector<Sequence>{1, 3});
  CHECK(contents.end == 6 * kBlockBytes);
}

TEST_CASE("a scan leaves out an object whose bytes are torn") {
  SegmentFile segment;
  segment.put(0, chunk_at(0, 1, 5000));
  segment.put(3 * kBlockBytes, chunk_at(3 * kBlockBytes, 2, 100));
  segment.files.corrupt("segment-00000001", kBlockBytes + 4999);
  SegmentContents contents;
  CHECK(sequences_in(segment.files, &contents) == std::vector<Sequence>{2});
  CHECK(contents.bad_records == 1);
}

TEST_CASE("a forged chunk inside an object is not taken for a record") {
  SegmentFile segment;
  std::vector<std::byte> outer = chunk_at(0, 1, 4 * kBlockBytes);
  const std::vector<std::byte> forged = chunk_at(2 * kBlockBytes, 66, 100, {1, 1});
  std::memcpy(outer.data() + 2 * kBlockBytes, forged.data(), forged.size());
  segment.put(0, outer);
  segment.files.corrupt("segment-00000001", 70);  // the outer head: the scan looks inside
  CHECK(sequences_in(segment.files).empty());
}

TEST_CASE("a chunk at another place than its own is not taken for a record") {
  SegmentFile segment;
  segment.put(kBlockBytes, chunk_at(0, 1, 100));
  CHECK(sequences_in(segment.files).empty());
}

TEST_CASE("a scan counts the blocks that the disk does not return") {
  SegmentFile segment;
  segment.put(0, chunk_at(0, 1, 100));
  segment.put(4 * kBlockBytes, chunk_at(4 * kBlockBytes, 2, 100));
  segment.files.spoil("segment-00000001", 0, kBlockBytes);
  SegmentContents contents;
  CHECK(sequences_in(segment.files, &contents) == std::vector<Sequence>{2});
  CHECK(contents.unreadable_blocks == 1);
}
