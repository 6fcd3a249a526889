#include <dolium/reconnecting_store.h>

#include <utility>

#include "client/facade/reconnecting_backend.h"

namespace dolium {

using detail::Reconnection;

Result<std::shared_ptr<ReconnectingStore>> ReconnectingStore::connect(std::string_view socket_path,
                                                                      const ConnectOptions& options) {
  Result<std::shared_ptr<Reconnection>> connected = Reconnection::connect(socket_path, options);
  if (!connected) return std::move(connected).error();
  return std::make_shared<ReconnectingStore>(*std::move(connected));
}

ReconnectingStore::ReconnectingStore(std::shared_ptr<Reconnection> reconnection)
    : ObjectStore(detail::make_reconnecting_backend(reconnection)), reconnection_(std::move(reconnection)) {}
ReconnectingStore::~ReconnectingStore() = default;

Access ReconnectingStore::access() const {
  return reconnection_->client()->access();
}
std::uint64_t ReconnectingStore::session_id() const {
  return reconnection_->client()->session_id();
}
bool ReconnectingStore::connected() const {
  return reconnection_->client()->connected();
}
std::uint64_t ReconnectingStore::reconnections() const {
  return reconnection_->current().number;
}

}  // namespace dolium
