#pragma once
// Catalogue: where each live object lies on the disk, by the number of its record. About 100 bytes an object.
//
// Entries lie in pages that never move, in the order of their insertion, and a table with open addressing finds them.
// Numbers are given one after the other, so neighbours in the table have neighbouring numbers: a batch of records that
// was written together is found with few cache misses. Where a million objects are told at a start, and 200,000 a
// second are written, a node of std::unordered_map for each was most of the time.
//
// One thread.

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "daemon/spill/format.h"
#include "daemon/spill/large_vector.h"

namespace dolium::spill {

struct Entry {
  ObjectId id;
  FileNumber file = 0;
  std::uint64_t size = 0;  ///< of the payload
  std::uint64_t stamp = 0;
  Incarnation incarnation{};
  Checksum checksum{};
  std::uint32_t payload_at = 0;

  [[nodiscard]] std::uint64_t offset() const noexcept { return payload_at * kPayloadAlignment; }
};
static_assert(sizeof(Entry) == 80);

[[nodiscard]] inline Entry entry_of(const RecordHead& head, FileNumber file) {
  return {id_of(head), file, head.payload_size(), head.stamp, head.incarnation, head.checksum, head.payload_at};
}

class Catalogue {
 public:
  Catalogue() : cells_(kFewestCells) {}

  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  /// Prevents that the table grows until there are so many.
  void reserve(std::size_t count);
  /// Precondition: there is none of this number, which is not 0.
  void insert(Sequence number, const Entry& entry);
  /// nullptr: there is none. Valid until it is erased.
  [[nodiscard]] Entry* find(Sequence number) noexcept;
  [[nodiscard]] const Entry* find(Sequence number) const noexcept;
  /// Returns whether there was one.
  bool erase(Sequence number);
  /// Visits all: visit(Sequence, const Entry&).
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (const auto& page : pages_)
      for (const Place& place : *page)
        if (place.number != 0) visit(place.number, place.entry);
  }
  /// Erases those of which is_dead(Sequence, const Entry&) says so. Returns their number.
  template <class IsDead>
  std::size_t erase_if(const IsDead& is_dead) {
    const std::size_t before = count_;
    for (const auto& page : pages_)
      for (const Place& place : *page)
        if (place.number != 0 && is_dead(place.number, place.entry)) erase(place.number);
    return before - count_;
  }

 private:
  static constexpr std::size_t kPlacesPerPage = 1024;
  static constexpr std::size_t kFewestCells = 1024;

  struct Place {
    Sequence number = 0;  // 0: free
    Entry entry;
  };
  using Page = std::array<Place, kPlacesPerPage>;
  using Cell = std::uint32_t;  // a position in the pages, and 1; 0: empty

  [[nodiscard]] Place& at(Cell cell) const noexcept {
    return (*pages_[(cell - 1) / kPlacesPerPage])[(cell - 1) % kPlacesPerPage];
  }
  [[nodiscard]] std::size_t home_of(Sequence number) const noexcept;
  [[nodiscard]] std::size_t cell_of(Sequence number) const noexcept;
  [[nodiscard]] Cell take_place();
  void link(Sequence number, Cell cell) noexcept;
  void grow(std::size_t cells);

  std::vector<std::unique_ptr<Page>> pages_;
  std::vector<Cell> free_;   // places that were erased
  std::size_t unused_ = 0;   // places at the end of the last page that were never used
  LargeVector<Cell> cells_;  // a power of two, at least twice as many as entries
  std::size_t count_ = 0;
};

}  // namespace dolium::spill
