#pragma once
// Slab: things under small numbers. What an answer needs waits here, and its callback captures two words:
// std::function then allocates nothing.
//
// One thread.

#include <cstdint>
#include <utility>
#include <vector>

namespace dolium::spill {

template <class T>
class Slab {
 public:
  using Number = std::uint32_t;

  [[nodiscard]] Number put(T thing) {
    if (free_.empty()) {
      things_.push_back(std::move(thing));
      return static_cast<Number>(things_.size() - 1);
    }
    const Number number = free_.back();
    free_.pop_back();
    things_[number] = std::move(thing);
    return number;
  }
  /// Precondition: it was put, and not taken since.
  [[nodiscard]] T take(Number number) {
    free_.push_back(number);
    return std::exchange(things_[number], T());
  }

 private:
  std::vector<T> things_;
  std::vector<Number> free_;
};

}  // namespace dolium::spill
