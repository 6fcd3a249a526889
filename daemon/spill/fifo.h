#pragma once
// Fifo: a queue in one piece of memory, which it keeps: no allocation for each few elements, as std::deque makes for
// large ones.
//
// One thread.

#include <cstddef>
#include <utility>
#include <vector>

namespace dolium::spill {

template <class T>
class Fifo {
 public:
  [[nodiscard]] bool empty() const noexcept { return first_ == elements_.size(); }
  [[nodiscard]] T& front() noexcept { return elements_[first_]; }
  void push_back(T element) {
    if (first_ > elements_.size() / 2 && elements_.size() == elements_.capacity()) close_up();
    elements_.push_back(std::move(element));
  }
  /// Returns the first.
  T pop_front() {
    T first = std::move(elements_[first_++]);
    if (empty()) close_up();
    return first;
  }
  /// All, in their order; it is empty then.
  [[nodiscard]] std::vector<T> take_all() {
    close_up();
    return std::exchange(elements_, {});
  }
  /// Removes those of which is_taken(const T&) says so, and returns them, in their order.
  template <class IsTaken>
  [[nodiscard]] std::vector<T> take_if(const IsTaken& is_taken) {
    std::vector<T> taken;
    for (T& each : take_all()) {
      if (is_taken(each))
        taken.push_back(std::move(each));
      else
        elements_.push_back(std::move(each));
    }
    return taken;
  }

 private:
  void close_up() {
    elements_.erase(elements_.begin(), elements_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }

  std::vector<T> elements_;
  std::size_t first_ = 0;
};

}  // namespace dolium::spill
