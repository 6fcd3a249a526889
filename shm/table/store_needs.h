#pragma once
// StoreNeeds: how much memory a store takes beside the bytes of its objects: the books (index, ledger, the daemon's
// records), its clients' pin tables, and the processes of doliumd.

#include <cstdint>

#include <dolium/store_config.h>

namespace dolium::shm {

inline constexpr std::uint32_t kMaxObjects = std::uint32_t{1} << 30;

/// How many objects the store may hold at once: as configured, or as many as the capacity calls for.
[[nodiscard]] std::uint32_t objects_for(const StoreConfig& config) noexcept;

/// Bytes. Books and pin tables grow with the number of objects: these are for as many as the store may hold.
struct StoreNeeds {
  /// Processes that are counted here: the keeper and the server, without what they map of the store.
  static constexpr std::uint64_t kProcesses = std::uint64_t{8} << 20;
  /// Number of clients whose pin tables are counted; each takes 16 bytes for an object that it has ever got.
  static constexpr std::uint64_t kClients = 4;
  /// Records in the server's own memory: of the arena's extents, free and taken, and of the order of eviction.
  static constexpr std::uint64_t kRecordsPerObject = 40;

  std::uint64_t capacity = 0;
  std::uint64_t max_objects = 0;
  std::uint64_t first_books = 0;  ///< of the books: what an empty store takes
  std::uint64_t books = 0;
  std::uint64_t pin_tables = 0;  ///< of kClients

  [[nodiscard]] static StoreNeeds of(const StoreConfig& config) noexcept;

  /// What is taken at once with `preallocate`.
  [[nodiscard]] std::uint64_t least() const noexcept { return capacity + first_books; }
  /// With this much, it can be filled with as many objects as it may hold.
  [[nodiscard]] std::uint64_t most() const noexcept { return capacity + books + pin_tables + kProcesses; }
};

/// The highest capacity, in whole MiB, whose most() is no more than that; 0: none. max_objects as the configuration
/// says.
[[nodiscard]] std::uint64_t largest_capacity_within(std::uint64_t bytes, StoreConfig config) noexcept;

}  // namespace dolium::shm
