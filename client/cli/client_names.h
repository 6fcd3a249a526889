#pragma once
// Names of clients in text: by the kernel's pid and command, and by the client's own data.

#include <cstdint>
#include <string>
#include <vector>

#include <dolium/metadata.h>
#include <dolium/stats.h>

namespace dolium::cli {

/// Maximum width of a column with the name of a command, a user or a client, in characters.
inline constexpr std::size_t kNameColumns = 24;

/// A client's data about itself, beyond the kernel's `pid`: "pid 17 on web-1, pod trainer-0"; may be empty.
[[nodiscard]] std::string own_words(const ClientOrigin& origin, std::int32_t pid);
/// The pid, or "?" for a process that is not visible to the daemon.
[[nodiscard]] inline std::string pid_text(std::int32_t pid) {
  return pid == 0 ? "?" : std::to_string(pid);
}
/// "python3 (pid 123)", with the client's own names. Not escaped: the caller must call printable().
[[nodiscard]] std::string who(const ClientInfo& client);
[[nodiscard]] std::string who(const ClientUse& use);

/// Numbers by which top() can order clients.
[[nodiscard]] inline std::uint64_t held_by(const ClientInfo& client) noexcept {
  return client.bytes_held;
}
[[nodiscard]] inline std::uint64_t written_by(const ClientInfo& client) noexcept {
  return client.unsealed_bytes;
}
[[nodiscard]] inline std::uint64_t held_or_written_by(const ClientInfo& client) noexcept {
  return client.bytes_held + client.unsealed_bytes;
}
/// The clients whose `bytes` is not zero, the largest first.
[[nodiscard]] std::vector<const ClientInfo*> top(const std::vector<ClientInfo>& clients,
                                                 std::uint64_t (*bytes)(const ClientInfo&));

}  // namespace dolium::cli
