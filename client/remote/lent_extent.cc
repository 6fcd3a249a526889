#include "client/remote/lent_extent.h"

#include <new>

#include "client/remote/connection.h"

namespace dolium::detail {

protocol::AbortRequestT abort_request(const Connection& connection, const ObjectId& id, std::uint64_t offset,
                                      std::uint32_t epoch) {
  protocol::AbortRequestT request;
  request.id = protocol::to_wire_pointer(id);
  request.abandoned = connection.epoch() != epoch;
  request.offset = offset;
  return request;
}

LentExtent::LentExtent(const std::shared_ptr<Connection>& connection, const ObjectId& id, std::uint64_t offset,
                       std::uint32_t epoch)
    : connection_(connection), generation_(connection->generation()), epoch_(epoch), id_(id), offset_(offset) {}

LentExtent::~LentExtent() {
  const auto connection = connection_.lock();
  if (handed_over_ || connection == nullptr || connection->inherited()) return;
  if (connection->generation() != generation_) return;  // the parent's
  connection->extents().remove(id_, offset_);
  if (!give_back(*connection)) static_cast<void>(give_back(*connection));  // else the session's end does it
}

/// False: there was no memory for the request.
bool LentExtent::give_back(Connection& connection) const noexcept {
  try {
    return connection.exchange().post(abort_request(connection, id_, offset_, epoch_));
  } catch (const std::bad_alloc&) {
    return false;
  }
}

std::shared_ptr<Connection> LentExtent::hand_over() noexcept {
  std::shared_ptr<Connection> connection = connection_.lock();
  handed_over_ = connection != nullptr;
  return connection;
}

}  // namespace dolium::detail
