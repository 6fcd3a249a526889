#pragma once
// How clients are named in text for people: by the kernel's pid and command, and by what they say of themselves.

#include <cstdint>
#include <string>
#include <vector>

#include <dolium/metadata.h>
#include <dolium/stats.h>

namespace dolium::cli {

/// Width of a column with a command's, a user's or a client's name, in characters.
inline constexpr std::size_t kNameColumns = 24;

/// What a client says of itself beyond the `pid` of the kernel: "pid 17 on web-1, pod trainer-0"; empty: nothing.
[[nodiscard]] std::string own_words(const ClientOrigin& origin, std::int32_t pid);
/// "?" for a process that the daemon does not see.
[[nodiscard]] inline std::string pid_text(std::int32_t pid) {
  return pid == 0 ? "?" : std::to_string(pid);
}
/// "python3 (pid 123)", with the names that the client gives itself. Not escaped: printable() is the caller's to call.
[[nodiscard]] std::string who(const ClientInfo& client);
[[nodiscard]] std::string who(const ClientUse& use);

/// Figures of a client that clients can be ordered by.
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
