#pragma once
// Policy: the order in which objects are evicted. Each policy has a file of its own; make_policy() is the list of all.
//
// A policy orders objects in one of two ways:
//   by_key      the object with the smallest key is evicted first. Only key() is asked.
//   by_arrival  two lanes, each a queue: the object that joined it first is at its end. Objects are evicted from the
//               first lane. next() names the lane whose end is looked at. An object at the end that stays() joins a
//               lane again, mostly at the beginning (requeue()), and so does each object of the second lane while
//               next() names that lane. Keys only compare objects that are not at an end: the neighbours of a victim,
//               which go with it or not.

#include <compare>
#include <cstdint>
#include <memory>

#include <dolium/store_config.h>

#include "shm/arena/arena.h"
#include "shm/eviction/candidates.h"
#include "shm/os/basic_types.h"
#include "shm/table/ledger.h"

namespace dolium::shm {

/// The object with the smallest key is the coldest.
struct EvictionKey {
  std::uint64_t value;       ///< lru, adaptive: time of the last access; lfu: hits; fifo: seal order
  std::uint64_t seal_order;  ///< unique; breaks ties
  friend auto operator<=>(const EvictionKey&, const EvictionKey&) = default;
};

class Policy {
 public:
  enum class Order : std::uint8_t { by_key, by_arrival };
  enum class Lane : std::uint8_t { first, second };
  enum class Arrival : std::uint8_t {
    sealed,
    read_back,  ///< was evicted to disk, and a client wants it
    recovered,  ///< found by a restarted server; the coldest comes first
  };
  /// The bytes of the objects of each lane that can be evicted.
  struct LaneBytes {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
  };

  explicit Policy(Order order = Order::by_key) noexcept : order_(order) {}
  virtual ~Policy() = default;

  [[nodiscard]] Order order() const noexcept { return order_; }
  /// The recorded key. Cheap, and constant between two calls of Candidates::refresh() for the same slot. It never
  /// shrinks.
  [[nodiscard]] virtual EvictionKey key(SlotIndex slot) const = 0;
  /// Whether Candidates::hit_sum() has to be right.
  [[nodiscard]] virtual bool counts_hits() const noexcept { return false; }
  [[nodiscard]] virtual std::uint64_t bookkeeping_bytes() const noexcept { return 0; }

  // ---- by_arrival ----

  /// Constant while the object is in a lane.
  [[nodiscard]] virtual Lane lane(SlotIndex /*slot*/) const { return Lane::first; }
  /// The lane whose end is looked at next, while both lanes have objects.
  [[nodiscard]] virtual Lane next(const LaneBytes& /*bytes*/) const { return Lane::first; }
  /// A new object, in no lane so far.
  virtual void enter(SlotIndex /*slot*/, Arrival /*arrival*/, const LaneBytes& /*bytes*/) {}
  /// The object is about to leave its lane, because it is evicted; the store has so many objects that can be.
  virtual void evicted(SlotIndex /*slot*/, std::uint32_t /*objects*/) {}
  /// Whether the object joins a lane again instead of being evicted. Call it after Candidates::refresh().
  [[nodiscard]] virtual bool stays(SlotIndex /*slot*/) const { return false; }
  /// The side of a lane. At the end, an object is the next to be evicted.
  enum class Side : std::uint8_t { beginning, end };
  /// The object joins a lane again, and is in none now: it will join the one that lane() says, at the side returned.
  virtual Side requeue(SlotIndex /*slot*/) { return Side::beginning; }
  /// The side at which objects of the second lane join the first, mostly.
  [[nodiscard]] virtual Side demotion_side() const { return Side::beginning; }
  /// If one object alone is not enough: whether a window is of objects of the first lane alone, whenever they were
  /// accessed. Otherwise, it is of objects of both lanes that were not accessed for long.
  [[nodiscard]] virtual bool windows_by_lane() const { return true; }
  /// The first lane had no room for a new object at one place.
  virtual void lacked_window() {}
  /// A hint: an object with this id will enter soon, or be evicted. For what is not in the processor's caches then.
  virtual void prefetch_id(std::uint64_t /*id_hash*/) const {}
  /// A client left, or its table was settled, that counted so many hits: Candidates::hit_sum() is without them from now
  /// on.
  virtual void forget_hits(SlotIndex /*slot*/, std::uint32_t /*hits*/) {}

 private:
  const Order order_;
};

/// What policies read. It must outlive them.
struct PolicyView {
  const Arena& arena;
  const Ledger& ledger;
  Candidates& candidates;
  std::uint32_t max_slots;
};

[[nodiscard]] std::unique_ptr<Policy> make_policy(EvictionPolicy policy, const PolicyView& view);

}  // namespace dolium::shm
