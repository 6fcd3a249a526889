#include "daemon/server/listening.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "daemon/server/access_list.h"

namespace dolium::daemon {

Result<protocol::ListenOptions> listen_options(const Config& config) {
  protocol::ListenOptions options{.path = config.socket_path, .mode = config.socket_mode};
  if (config.socket_group.empty()) return options;
  const Result<gid_t> group = resolve_group(config.socket_group);
  if (!group) return Error{group.error().code, fmt::format("--socket-group: {}", group.error().message)};
  options.group = *group;
  return options;
}

Result<protocol::Listener::Renewal> renew_listener(protocol::Listener& listener, const Config& config,
                                                   spdlog::logger& log) {
  Result<protocol::ListenOptions> options = listen_options(config);
  if (!options) return std::move(options).error();
  options->path = listener.path();  // as it was when the store was made
  std::error_code error;
  if (!std::filesystem::exists(std::filesystem::absolute(listener.path(), error).parent_path(), error))
    if (auto made = protocol::prepare_socket_directory(listener.path(), trust_of(config)); !made)
      return std::move(made).error();
  Result<protocol::Listener::Renewal> renewed = listener.renew(*options);
  if (!renewed) return renewed;
  if (renewed->former_socket.valid()) log.warn("{} had been removed, and is made again", listener.path());
  if (renewed->without_lock)
    log.error("{}.lock had been removed, and cannot be made again: {}", listener.path(),
              renewed->without_lock->message);
  if (renewed->lock) log.warn("{}.lock had been removed, and is made again", listener.path());
  return renewed;
}

}  // namespace dolium::daemon
