#include "protocol/lock_holders.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string_view>

#include "protocol/peer.h"
#include "protocol/user_namespace.h"
#include "shm/os/proc_file.h"

namespace dolium::protocol {
namespace {

namespace fs = std::filesystem;

struct Target {
  std::string path;                // path of the lock file, as the kernel names it
  std::optional<struct stat> now;  // the file that is there now, if any
};

Target target_of(const std::string& socket_path) {
  std::error_code error;
  const fs::path absolute = fs::absolute(socket_path + ".lock", error);
  const fs::path directory = fs::weakly_canonical(absolute.parent_path(), error);
  Target target{(error ? absolute : directory / absolute.filename()).string(), std::nullopt};
  struct stat info {};
  if (::lstat(target.path.c_str(), &info) == 0) target.now = info;
  return target;
}

enum class Held { no, former, current };

/// Whether one descriptor of a process holds the lock. It must be the file of that name, or a removed one, and locked.
Held look_at(const fs::path& process, const std::string& number, const Target& target) {
  const fs::path fd = process / "fd" / number;
  struct stat info {};
  std::error_code error;
  if (::stat(fd.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return Held::no;
  const bool is_current = target.now && target.now->st_dev == info.st_dev && target.now->st_ino == info.st_ino;
  if (!is_current && fs::read_symlink(fd, error) != target.path + " (deleted)") return Held::no;
  // fdinfo lists the locks of this open file.
  const auto lock = shm::read_line(process / "fdinfo" / number, "lock:");
  if (!lock || lock->find("FLOCK") == std::string::npos) return Held::no;
  return is_current ? Held::current : Held::former;
}

Held look_at(const fs::path& process, const Target& target) {
  std::error_code error;
  for (fs::directory_iterator fd(process / "fd", error), end; !error && fd != end; fd.increment(error))
    if (const Held held = look_at(process, fd->path().filename().string(), target); held != Held::no) return held;
  return Held::no;
}

std::optional<pid_t> as_pid(const std::string& name) {
  pid_t pid = 0;
  const auto [stop, failed] = std::from_chars(name.data(), name.data() + name.size(), pid);
  if (failed != std::errc() || stop != name.data() + name.size()) return std::nullopt;
  return pid;
}

fs::path process_of(pid_t pid) {
  return fs::path("/proc") / std::to_string(pid);
}

pid_t parent_of(pid_t pid) {
  return static_cast<pid_t>(shm::read_number(process_of(pid) / "status", "PPid:").value_or(0));
}

uid_t user_of(pid_t pid) {
  struct stat info {};
  return ::stat(process_of(pid).c_str(), &info) == 0 ? info.st_uid : static_cast<uid_t>(-1);
}

/// Whether /proc belongs to this PID namespace. Pids of another one would mean other processes to kill(2).
bool is_own_proc() {
  return shm::read_number("/proc/self/status", "Pid:") == static_cast<std::uint64_t>(::getpid());
}

bool is_trusted_user(uid_t user, const std::string& socket_path) {
  if (user == 0 || is_own_user(user)) return true;
  struct stat info {};
  std::error_code error;
  const fs::path directory = fs::absolute(socket_path, error).parent_path();
  return ::stat(directory.c_str(), &info) == 0 && info.st_uid == user && IdMap::of_users().identifies(user);
}

}  // namespace

std::vector<LockHolder> find_lock_holders(const std::string& socket_path) {
  if (!is_own_proc()) return {};
  const Target target = target_of(socket_path);
  std::map<pid_t, Held> holding;
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end; entry.increment(error)) {
    const std::optional<pid_t> pid = as_pid(entry->path().filename().string());
    if (!pid) continue;
    if (const Held held = look_at(entry->path(), target); held != Held::no) holding.emplace(*pid, held);
  }
  std::vector<LockHolder> holders;
  for (const auto& [pid, held] : holding)
    if (!holding.contains(parent_of(pid))) holders.push_back({pid, 0, user_of(pid), held == Held::current});
  for (const auto& [pid, held] : holding)
    for (LockHolder& holder : holders)
      if (parent_of(pid) == holder.keeper) holder.server = pid;
  std::ranges::stable_sort(holders, std::greater(), &LockHolder::is_current);
  return holders;
}

Result<shm::UniqueFd> open_keeper(const LockHolder& holder, const std::string& socket_path) {
  Result<shm::UniqueFd> process = process_by_number(holder.keeper);
  // Check after opening the handle: so it cannot be that of a later process with the same pid.
  if (!process || look_at(process_of(holder.keeper), target_of(socket_path)) == Held::no)
    return Error{Errc::disconnected, fmt::format("the daemon of {} has just ended", socket_path)};
  if (!is_trusted_user(holder.user, socket_path))
    return Error{
        Errc::permission_denied,
        fmt::format(
            "process {} holds the lock of {}, but belongs to user {}, which is neither root, nor this user, nor the "
            "owner of the directory; run this as that user",
            holder.keeper, socket_path, holder.user)};
  return process;
}

}  // namespace dolium::protocol
