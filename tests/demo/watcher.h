#pragma once
// Watcher: reads the store's events of this run as they happen, and checks them: a piece may only be evicted after its
// result was accepted (until then it is pinned), and no other object of the run is ever evicted.

#include <cstdint>
#include <string>
#include <unordered_map>

#include <dolium/object_store.h>

#include "tests/demo/pieces.h"

namespace dolium::demo {

class Watcher {
 public:
  /// `spill`: events may be lost, with the server that is killed; but no piece is ever evicted.
  Watcher(Subscription events, const Names& names, std::size_t count, bool spill);

  /// Takes all events that are there. `accepted`: all pieces before this one are.
  Result<void> look(std::size_t accepted);

  [[nodiscard]] std::size_t sealed_pieces() const noexcept { return sealed_; }
  [[nodiscard]] std::size_t evicted_pieces() const noexcept { return evicted_; }
  /// What happened and should not have; empty when all is well.
  [[nodiscard]] const std::string& complaint() const noexcept { return complaint_; }

 private:
  void take(const Event& event, std::size_t accepted);
  void complain(std::string what);

  Subscription events_;
  std::unordered_map<ObjectId, std::size_t> numbers_;  // of pieces
  std::size_t sealed_ = 0;
  std::size_t evicted_ = 0;
  const bool spill_;
  std::string complaint_;
};

}  // namespace dolium::demo
