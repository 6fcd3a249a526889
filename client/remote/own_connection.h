#pragma once
// OwnConnection: the connection of something that was begun in one process, and is not used in its children.

#include <fmt/format.h>

#include <memory>
#include <string_view>
#include <utility>

#include "client/remote/connection.h"

namespace dolium::detail {

/// The connection of a builder or a subscription. In a forked child, even one with a session of its own, those that
/// were begun before fork() belong to the parent.
class OwnConnection {
 public:
  explicit OwnConnection(std::shared_ptr<Connection> connection)
      : connection_(std::move(connection)), generation_(connection_->generation()) {}
  Connection* operator->() const noexcept { return connection_.get(); }
  Connection& operator*() const noexcept { return *connection_; }
  [[nodiscard]] bool is_parents() const noexcept {
    return connection_->inherited() || connection_->generation() != generation_;
  }
  [[nodiscard]] Result<void> check(std::string_view what) const {
    if (connection_->inherited()) return connection_->inherited_by_fork();
    if (!is_parents()) return {};
    return Error{Errc::disconnected, fmt::format("this {} was begun by the parent process before fork(), and is the "
                                                 "parent's",
                                                 what)};
  }

 private:
  std::shared_ptr<Connection> connection_;  // and with it the mappings
  std::uint32_t generation_;
};

}  // namespace dolium::detail
