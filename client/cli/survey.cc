#include "client/cli/survey.h"

#include <algorithm>
#include <map>

namespace dolium::cli {
namespace {

std::vector<PinnedBy> pinned_by(const std::vector<ObjectMetadata>& objects) {
  std::map<std::int32_t, PinnedBy> by_pid;
  for (const ObjectMetadata& object : objects) {
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

GraceShare graces_among(const std::vector<ObjectMetadata>& objects) {
  GraceShare graces;
  for (const ObjectMetadata& object : objects) {
    if (object.grace_left.count() == 0 || object.state != ObjectState::sealed) continue;
    graces.first_end = graces.count == 0 ? object.grace_left : std::min(graces.first_end, object.grace_left);
    graces.last_end = std::max(graces.last_end, object.grace_left);
    ++graces.count;
    graces.bytes += object.data_size + object.metadata_size;
  }
  return graces;
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
  if (report.stats.pinned_count + report.stats.graced_count == 0) return report;  // the list may be long
  const Result<std::vector<ObjectMetadata>> objects = client.list();
  if (!objects) return objects.error();
  report.pinned_by = pinned_by(*objects);
  report.graces = graces_among(*objects);
  return report;
}

}  // namespace dolium::cli
