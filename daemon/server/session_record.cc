#include "daemon/server/session_record.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>

namespace dolium::daemon {
namespace {

/// The numbers of a record; the five texts follow them. Increment kVersion with every change: another version of the
/// program may have written the record.
constexpr std::uint32_t kVersion = 2;
struct Numbers {
  std::uint32_t version = kVersion;
  std::int32_t pid = 0;
  std::uint32_t uid = 0, gid = 0;
  std::uint64_t client = 0, attached = 0, token = 0;
  std::uint32_t access = 0, permission = 0;
  std::uint32_t name_size = 0, command_size = 0, user_size = 0, host_size = 0, pod_size = 0;
  std::int32_t origin_pid = 0;
};

}  // namespace

std::string Peer::text() const {
  if (credentials.pid == 0) return fmt::format("{}, user {}", protocol::process_text(0), user);
  return fmt::format("{}, pid {}, user {}", command, credentials.pid, user);
}

std::string SessionRecord::to_text() const {
  Numbers numbers;
  numbers.pid = peer.credentials.pid;
  numbers.uid = peer.credentials.uid;
  numbers.gid = peer.credentials.gid;
  numbers.client = client;
  numbers.attached = attached;
  numbers.token = token;
  numbers.access = static_cast<std::uint32_t>(access);
  numbers.permission = static_cast<std::uint32_t>(peer.permission);
  numbers.name_size = static_cast<std::uint32_t>(name.size());
  numbers.command_size = static_cast<std::uint32_t>(peer.command.size());
  numbers.user_size = static_cast<std::uint32_t>(peer.user.size());
  numbers.host_size = static_cast<std::uint32_t>(origin.host.size());
  numbers.pod_size = static_cast<std::uint32_t>(origin.pod.size());
  numbers.origin_pid = origin.pid;
  std::string text(sizeof(numbers), '\0');
  std::memcpy(text.data(), &numbers, sizeof(numbers));
  return text + name + peer.command + peer.user + origin.host + origin.pod;
}

Result<SessionRecord> SessionRecord::from_text(const std::string& text) {
  Numbers numbers;
  if (text.size() >= sizeof(numbers)) std::memcpy(&numbers, text.data(), sizeof(numbers));
  const std::size_t expected = sizeof(numbers) + std::size_t{numbers.name_size} + numbers.command_size +
                               numbers.user_size + numbers.host_size + numbers.pod_size;
  if (text.size() != expected || numbers.version != kVersion)
    return Error{Errc::protocol_error, "the record of a session was written by another version of doliumd"};
  SessionRecord record;
  record.client = numbers.client;
  record.attached = numbers.attached;
  record.token = numbers.token;
  record.access = static_cast<Access>(numbers.access);
  record.peer.credentials = {numbers.pid, numbers.uid, numbers.gid};
  record.peer.permission = static_cast<Permission>(numbers.permission);
  std::size_t at = sizeof(numbers);
  const auto next = [&](std::uint32_t size) { return text.substr(std::exchange(at, at + size), size); };
  record.name = next(numbers.name_size);
  record.peer.command = next(numbers.command_size);
  record.peer.user = next(numbers.user_size);
  record.origin.pid = numbers.origin_pid;
  record.origin.host = next(numbers.host_size);
  record.origin.pod = next(numbers.pod_size);
  return record;
}

}  // namespace dolium::daemon
