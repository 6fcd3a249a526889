#pragma once
// Common code of campaigns: randomised tests of configurable length. scripts/torture raises their length. Their choices
// follow from a seed that they print; DOLIUM_SEED=N replays it.

#include <cstdlib>
#include <iostream>
#include <random>

namespace dolium::e2e {

[[nodiscard]] inline int from_environment(const char* name, int otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::atoi(value);
}

/// The choices of one campaign.
class Dice {
 public:
  Dice() : seed_(static_cast<unsigned>(from_environment("DOLIUM_SEED", 20261126))), random_(seed_) {
    std::cout << "DOLIUM_SEED=" << seed_ << std::endl;
  }
  [[nodiscard]] unsigned seed() const noexcept { return seed_; }
  [[nodiscard]] std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_() % bound); }
  template <class Range>
  [[nodiscard]] const auto& any(const Range& range) {
    return *std::next(std::begin(range), static_cast<std::ptrdiff_t>(below(std::size(range))));
  }

 private:
  unsigned seed_;
  std::mt19937_64 random_;
};

}  // namespace dolium::e2e
