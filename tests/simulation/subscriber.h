#pragma once
// Subscriber: the knowledge of a client that subscribes to a store's events. It gets one event when an object appears
// and one when it goes, in this order. So at any time its knowledge is a past state of the store, and the current state
// when no more events are in flight.

#include <catch2/catch.hpp>
#include <map>

#include <dolium/event.h>

namespace dolium::simulation {

class Subscriber {
 public:
  /// The stream begins, or begins again with another server.
  void begin() { known_.clear(); }
  void on_event(const Event& event) {
    REQUIRE(event.kind != Event::Kind::overflow);  // nobody is that far behind here
    ++heard_;
    if (event.kind == Event::Kind::sealed) {
      const bool is_new = known_.emplace(event.id, event.data_size).second;
      REQUIRE(is_new);
      return;
    }
    const auto found = known_.extract(event.id);
    REQUIRE_FALSE(found.empty());
    REQUIRE(found.mapped() == event.data_size);
  }
  /// The objects, and their sizes.
  [[nodiscard]] const std::map<ObjectId, std::uint64_t>& known() const noexcept { return known_; }
  [[nodiscard]] std::uint64_t heard() const noexcept { return heard_; }

 private:
  std::map<ObjectId, std::uint64_t> known_;
  std::uint64_t heard_ = 0;
};

}  // namespace dolium::simulation
