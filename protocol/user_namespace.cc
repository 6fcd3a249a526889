#include "protocol/user_namespace.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <fstream>

#include "shm/os/proc_file.h"
#include "shm/os/unique_fd.h"

namespace dolium::protocol {
namespace {

namespace fs = std::filesystem;

/// Number of ids. The last 32-bit number is none: for chown(2) it means "do not change".
constexpr std::uint64_t kAllIds = 4'294'967'295;
constexpr std::uint32_t kUsualOverflow = 65534;

bool maps_all(const fs::path& file) {
  std::ifstream lines(file);
  std::uint64_t inside = 0, outside = 0, count = 0, mapped = 0;
  while (lines >> inside >> outside >> count) mapped += count;
  return mapped >= kAllIds;
}

IdMap read_map(const fs::path& proc, const char* map, const char* overflow) {
  const auto number = shm::read_number(proc / "sys/kernel" / overflow);
  return {number ? static_cast<std::uint32_t>(*number) : kUsualOverflow, maps_all(proc / "self" / map)};
}

}  // namespace

IdMap IdMap::of_users(const fs::path& proc) {
  return read_map(proc, "uid_map", "overflowuid");
}

IdMap IdMap::of_groups(const fs::path& proc) {
  return read_map(proc, "gid_map", "overflowgid");
}

bool is_own_user(uid_t uid) {
  return uid == ::geteuid() && IdMap::of_users().identifies(uid);
}

std::string name_owner(uid_t uid) {
  if (IdMap::of_users().identifies(uid)) return fmt::format("user {}", uid);
  return fmt::format("a user that this user namespace does not map (shown as {})", uid);
}

bool owns(const fs::path& file, uid_t uid) {
  if (uid != ::geteuid()) return false;
  if (IdMap::of_users().identifies(uid)) return true;
  // Only the owner may use O_NOATIME, and the kernel compares the real ids (open(2)).
  const shm::UniqueFd opened(
      ::open(file.c_str(), O_RDONLY | O_NOATIME | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  return opened.valid();
}

}  // namespace dolium::protocol
