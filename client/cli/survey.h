#pragma once
// Asks a daemon for all that `stats` and `doctor` tell of it.

#include <string>
#include <vector>

#include <dolium/client.h>

#include "client/cli/stats_report.h"

namespace dolium::cli {

/// All clients but the one that asks, as they came.
[[nodiscard]] Result<std::vector<ClientInfo>> other_clients(Client& client);

[[nodiscard]] Result<StatsReport> survey(Client& client, const std::string& socket);

}  // namespace dolium::cli
