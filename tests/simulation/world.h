#pragma once
// World: the common state of an episode: the seed's choices, the order of events, and a hash of all observations.

#include <cstdint>
#include <random>
#include <string>

#include <dolium/object_id.h>

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

struct World {
  explicit World(std::uint64_t seed) : random(seed) {}
  [[nodiscard]] std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random() % bound); }
  [[nodiscard]] bool one_in(std::size_t bound) { return below(bound) == 0; }
  /// Each call's beginning and end has a moment of its own.
  [[nodiscard]] std::uint64_t tick() { return ++ticks; }
  void note(std::uint64_t what) { trace = (trace ^ what) * 0x9e3779b97f4a7c15ULL + (trace >> 29); }

  std::mt19937_64 random;
  std::uint64_t ticks = 0;
  std::uint64_t last_value = 0;
  std::size_t children = 3;           // that may still be forked
  std::uint64_t trace = 0;            // equal for equal seeds
  std::uint64_t leased_puts = 0;      // that were done, and answered
  std::uint64_t lost_leases = 0;      // of which something was left when their server died
  std::uint64_t takes = 0;            // that got their object
  std::uint64_t lost_takes = 0;       // whose server died before the client held what it had taken
  std::uint64_t recalled_leases = 0;  // that the daemon has taken back, and their client has noticed
};

}  // namespace dolium::simulation
