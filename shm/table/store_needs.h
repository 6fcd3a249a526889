#pragma once
// StoreNeeds: how much memory a store takes in addition to the bytes of its objects: its tables (index, ledger, the
// daemon's records), its clients' pin tables, and the processes of doliumd.

#include <cstdint>

#include <dolium/store_config.h>

namespace dolium::shm {

inline constexpr std::uint32_t kMaxObjects = std::uint32_t{1} << 30;

/// Maximum number of objects in the store: as configured, or derived from the capacity.
[[nodiscard]] std::uint32_t objects_for(const StoreConfig& config) noexcept;

/// In bytes. Tables ("books") and pin tables grow with the number of objects; these numbers are for the maximum.
struct StoreNeeds {
  /// Memory of the keeper and the server, without the store's memory that they map.
  static constexpr std::uint64_t kProcesses = std::uint64_t{8} << 20;
  /// Number of clients whose pin tables are counted. A pin table takes 16 bytes for each object that its client has
  /// ever got.
  static constexpr std::uint64_t kClients = 4;
  /// Bytes per object on the server's heap: records of the arena's extents, and of the eviction order.
  static constexpr std::uint64_t kRecordsPerObject = 40;

  std::uint64_t capacity = 0;
  std::uint64_t max_objects = 0;
  std::uint64_t first_books = 0;  ///< the part of the books that an empty store takes
  std::uint64_t books = 0;
  std::uint64_t pin_tables = 0;  ///< of kClients

  [[nodiscard]] static StoreNeeds of(const StoreConfig& config) noexcept;

  /// Memory that is taken at the start with `preallocate`.
  [[nodiscard]] std::uint64_t least() const noexcept { return capacity + first_books; }
  /// Memory that a store needs with the maximum number of objects.
  [[nodiscard]] std::uint64_t most() const noexcept { return capacity + books + pin_tables + kProcesses; }
};

/// The highest capacity, in whole MiB, whose most() is at most that number of bytes; 0 if there is none. Uses the
/// configuration's max_objects.
[[nodiscard]] std::uint64_t largest_capacity_within(std::uint64_t bytes, StoreConfig config) noexcept;

}  // namespace dolium::shm
