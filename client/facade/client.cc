#include <dolium/client.h>

#include <utility>

#include "client/remote/connection.h"
#include "client/remote/remote_backend.h"

namespace dolium {

Result<std::shared_ptr<Client>> Client::connect(std::string_view socket_path, const ConnectOptions& options) {
  Result<std::shared_ptr<detail::Connection>> connection = detail::Connection::open(socket_path, options);
  if (!connection) return std::move(connection).error();
  return std::make_shared<Client>(*std::move(connection));
}

Client::Client(std::shared_ptr<detail::Connection> connection)
    : ObjectStore(detail::make_remote_backend(connection)), connection_(std::move(connection)) {}

Client::~Client() = default;

bool Client::connected() const noexcept {
  return !connection_->inherited() && !connection_->attachment().gone_for_good();
}
Access Client::access() const noexcept {
  return connection_->access();
}
std::uint64_t Client::session_id() const noexcept {
  return connection_->session_id();
}

}  // namespace dolium
