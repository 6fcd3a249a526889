#pragma once
// LentExtent: a piece of the arena that the daemon gave this client to write to, and that nobody has been given yet who
// would give it back. Gone like that, it goes back to the daemon, without waiting: nobody knows in which thread.

#include <cstdint>
#include <memory>

#include <dolium/object_id.h>

#include "protocol/codec.h"

namespace dolium::detail {

class Connection;

/// What gives an extent back. `epoch`: the connection's, when the extent was given.
[[nodiscard]] protocol::AbortRequestT abort_request(const Connection& connection, const ObjectId& id,
                                                    std::uint64_t offset, std::uint32_t epoch);

class LentExtent {
 public:
  LentExtent(const std::shared_ptr<Connection>& connection, const ObjectId& id, std::uint64_t offset,
             std::uint32_t epoch);
  LentExtent(const LentExtent&) = delete;
  LentExtent& operator=(const LentExtent&) = delete;
  ~LentExtent();

  /// The caller has it from here on, and with it the duty to give it back. nullptr: the client is gone, and it with it.
  [[nodiscard]] std::shared_ptr<Connection> hand_over() noexcept;
  [[nodiscard]] const ObjectId& id() const noexcept { return id_; }
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
  [[nodiscard]] std::uint32_t epoch() const noexcept { return epoch_; }

 private:
  [[nodiscard]] bool give_back(Connection& connection) const noexcept;

  std::weak_ptr<Connection> connection_;  // which may be what keeps this
  std::uint32_t generation_;
  std::uint32_t epoch_;
  ObjectId id_;
  std::uint64_t offset_;
  bool handed_over_ = false;
};

}  // namespace dolium::detail
