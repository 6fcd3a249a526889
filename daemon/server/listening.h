#pragma once
// The listening socket as the configuration describes it.

#include <dolium/result.h>
#include <spdlog/logger.h>

#include "daemon/config/config.h"
#include "protocol/listener.h"
#include "protocol/socket_directory.h"

namespace dolium::daemon {

/// invalid_argument when this machine does not know the socket's group.
[[nodiscard]] Result<protocol::ListenOptions> listen_options(const Config& config);

/// Listener::renew(), in a directory that is created again if it was removed. Logs what was created again.
[[nodiscard]] Result<protocol::Listener::Renewal> renew_listener(protocol::Listener& listener, const Config& config,
                                                                 spdlog::logger& log);

[[nodiscard]] inline protocol::DirectoryTrust trust_of(const Config& config) noexcept {
  return config.trust_directory ? protocol::DirectoryTrust::as_it_is : protocol::DirectoryTrust::check;
}

}  // namespace dolium::daemon
