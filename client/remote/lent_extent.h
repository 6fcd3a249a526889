#pragma once
// LentExtent: a piece of the arena that the daemon has given this client to write to, before a builder or a lease owns
// it. Its destructor gives it back to the daemon, without waiting, because it may run in any thread.

#include <cstdint>
#include <memory>

#include <dolium/object_id.h>

#include "protocol/codec.h"

namespace dolium::detail {

class Connection;

/// The request that gives an extent back. `epoch`: the connection's, when the extent was given.
[[nodiscard]] protocol::AbortRequestT abort_request(const Connection& connection, const ObjectId& id,
                                                    std::uint64_t offset, std::uint32_t epoch);

class LentExtent {
 public:
  LentExtent(const std::shared_ptr<Connection>& connection, const ObjectId& id, std::uint64_t offset,
             std::uint32_t epoch);
  LentExtent(const LentExtent&) = delete;
  LentExtent& operator=(const LentExtent&) = delete;
  ~LentExtent();

  /// From here on the caller owns the extent, and must give it back. nullptr: the client was destroyed, and the extent
  /// with it.
  [[nodiscard]] std::shared_ptr<Connection> hand_over() noexcept;
  [[nodiscard]] const ObjectId& id() const noexcept { return id_; }
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
  [[nodiscard]] std::uint32_t epoch() const noexcept { return epoch_; }

 private:
  [[nodiscard]] bool give_back(Connection& connection) const noexcept;

  std::weak_ptr<Connection> connection_;  // weak, because the connection may own this
  std::uint32_t generation_;
  std::uint32_t epoch_;
  ObjectId id_;
  std::uint64_t offset_;
  bool handed_over_ = false;
};

}  // namespace dolium::detail
