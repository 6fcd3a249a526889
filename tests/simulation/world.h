#pragma once
// World: the common state of an episode: the seed's choices, the order of events, and a hash of all observations.

#include <array>
#include <cstdint>
#include <map>
#include <random>
#include <string>

#include <dolium/object_id.h>

#include "messages_generated.h"

namespace dolium::simulation {

using Number = std::size_t;  // of an object
inline constexpr Number kObjects = 5;
inline constexpr Number kFiller = kObjects;  // any other object, of which nobody keeps a history

[[nodiscard]] inline ObjectId id_of(Number number) {
  return ObjectId::from_name("simulated " + std::to_string(number));
}
/// As it is written: each filler is another object.
[[nodiscard]] inline ObjectId id_of(Number number, std::uint64_t value) {
  return number == kFiller ? ObjectId::from_name("filler " + std::to_string(value)) : id_of(number);
}

/// A filler in a grace. Nobody gets a filler or removes one: it stays until the grace's time has passed, or a clear().
struct Promise {
  std::uint64_t grace_ms = 0;
  std::uint64_t sealed = 0;  // by the store's time; 0: it was not seen yet
};

struct World {
  explicit World(std::uint64_t seed) : random(seed) {}
  [[nodiscard]] std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random() % bound); }
  [[nodiscard]] bool one_in(std::size_t bound) { return below(bound) == 0; }
  /// Each call's beginning and end has a moment of its own.
  [[nodiscard]] std::uint64_t tick() { return ++ticks; }
  void note(std::uint64_t what) { trace = (trace ^ what) * 0x9e3779b97f4a7c15ULL + (trace >> 29); }

  /// The grace of a new object, in milliseconds; 0: none, as of all that has a time to live.
  [[nodiscard]] std::uint32_t some_grace(Number number, std::uint64_t value, std::uint64_t life_ms) {
    constexpr std::size_t kLongestMs = 20;
    if (number != kFiller || life_ms != 0 || !one_in(3)) return 0;
    const auto grace_ms = static_cast<std::uint32_t>(1 + below(kLongestMs));
    promises[id_of(number, value)].grace_ms = grace_ms;
    return grace_ms;
  }

  /// Whether the object is on disk after its eviction. Of fillers only those that expire: nobody removes the others.
  [[nodiscard]] protocol::Retention retention(Number number, std::uint64_t life_ms) {
    if (!has_tier) return protocol::Retention::store_default;
    const bool keep = number == kFiller ? life_ms != 0 && one_in(2) : kept[number];
    return keep ? protocol::Retention::keep : protocol::Retention::cache;
  }

  std::mt19937_64 random;
  std::uint64_t ticks = 0;
  std::uint64_t last_value = 0;
  std::size_t children = 3;              // that may still be forked
  std::uint64_t trace = 0;               // equal for equal seeds
  bool has_tier = false;                 // a spill tier
  std::array<bool, kObjects> kept = {};  // on disk after their eviction
  std::map<ObjectId, Promise> promises;
  bool cleared = false;               // a clear() was asked for: no promise holds any more
  std::uint64_t kept_promises = 0;    // looks at an object that a grace keeps
  std::uint64_t leased_puts = 0;      // that were done, and answered
  std::uint64_t lost_leases = 0;      // of which something was left when their server died
  std::uint64_t takes = 0;            // that got their object
  std::uint64_t lost_takes = 0;       // whose server died before the client held what it had taken
  std::uint64_t disk_refusals = 0;    // calls that failed for want of the disk, or of room to read back
  std::uint64_t recalled_leases = 0;  // that the daemon has taken back, and their client has noticed
};

}  // namespace dolium::simulation
