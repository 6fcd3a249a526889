#include "client/cli/survey.h"

#include <algorithm>
#include <map>

namespace dolium::cli {
namespace {

Result<std::vector<PinnedBy>> pinned_by(Client& client) {
  const Result<std::vector<ObjectMetadata>> objects = client.list();
  if (!objects) return objects.error();
  std::map<std::int32_t, PinnedBy> by_pid;
  for (const ObjectMetadata& object : *objects) {
    if (!object.is_pinned) continue;
    PinnedBy& by = by_pid[object.creator_pid];
    by.creator_pid = object.creator_pid;
    ++by.count;
    by.bytes += object.data_size + object.metadata_size;
  }
  std::vector<PinnedBy> out;
  for (const auto& [pid, by] : by_pid) out.push_back(by);
  std::ranges::stable_sort(out, std::greater(), &PinnedBy::bytes);
  return out;
}

}  // namespace

Result<std::vector<ClientInfo>> other_clients(Client& client) {
  Result<std::vector<ClientInfo>> clients = client.clients();
  if (!clients) return clients;
  std::erase_if(*clients, [&](const ClientInfo& each) { return each.session_id == client.session_id(); });
  std::ranges::sort(*clients, {}, &ClientInfo::session_id);
  return clients;
}

Result<StatsReport> survey(Client& client, const std::string& socket) {
  StatsReport report{.socket = socket, .stats = {}, .clients = {}, .pinned_by = {}};
  Result<StoreStats> stats = client.stats();
  if (!stats) return std::move(stats).error();
  report.stats = *std::move(stats);
  Result<std::vector<ClientInfo>> clients = other_clients(client);
  if (!clients) return std::move(clients).error();
  report.clients = *std::move(clients);
  if (report.stats.pinned_count == 0) return report;  // the list may be long: read it only if needed
  Result<std::vector<PinnedBy>> by = pinned_by(client);
  if (!by) return std::move(by).error();
  report.pinned_by = *std::move(by);
  return report;
}

}  // namespace dolium::cli
