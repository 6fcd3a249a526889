#include "client/cli/client_names.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/cli/printable.h"

namespace dolium::cli {
namespace {

constexpr std::size_t kPodColumns = 64;

std::string named_process(const std::string& command, std::int32_t pid, const ClientOrigin& origin,
                          const std::string& given) {
  std::string out =
      fmt::format("{} ({}", shortened(command, kNameColumns), pid == 0 ? "pid unknown" : fmt::format("pid {}", pid));
  if (const std::string own = own_words(origin, pid); !own.empty()) out += ", calls itself " + own;
  if (!given.empty() && given != command) out += fmt::format(", \"{}\"", shortened(given, kNameColumns));
  return out + ")";
}

}  // namespace

std::string own_words(const ClientOrigin& origin, std::int32_t pid) {
  std::string out;
  if (origin.pid != 0 && origin.pid != pid)
    out = fmt::format("pid {} on {}", origin.pid, shortened(origin.host, kNameColumns));
  if (!origin.pod.empty()) out += fmt::format("{}pod {}", out.empty() ? "" : ", ", shortened(origin.pod, kPodColumns));
  return out;
}

std::string who(const ClientInfo& client) {
  return named_process(client.command, client.pid, client.origin, client.name);
}

std::string who(const ClientUse& use) {
  return named_process(use.command, use.pid, use.origin, use.name);
}

std::vector<const ClientInfo*> top(const std::vector<ClientInfo>& clients, std::uint64_t (*bytes)(const ClientInfo&)) {
  std::vector<const ClientInfo*> out;
  for (const ClientInfo& client : clients)
    if (bytes(client) != 0) out.push_back(&client);
  std::ranges::stable_sort(out, [bytes](auto* a, auto* b) { return bytes(*a) > bytes(*b); });
  return out;
}

}  // namespace dolium::cli
