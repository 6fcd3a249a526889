#pragma once
// Collects all data about a daemon that `stats` and `doctor` report.

#include <string>
#include <vector>

#include <dolium/client.h>

#include "client/cli/stats_report.h"

namespace dolium::cli {

/// All clients except this command, in the order of their sessions.
[[nodiscard]] Result<std::vector<ClientInfo>> other_clients(Client& client);

[[nodiscard]] Result<StatsReport> survey(Client& client, const std::string& socket);

}  // namespace dolium::cli
