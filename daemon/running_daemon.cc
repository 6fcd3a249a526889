#include "daemon/running_daemon.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <thread>

#include "shm/system_error.h"

namespace dolium::daemon {
namespace {

using shm::UniqueFd;

constexpr std::chrono::milliseconds kLook{10};

struct Owner {
  pid_t keeper = 0;
  pid_t server = 0;
};

/// Nothing when nobody holds the lock, or whoever does has not said yet who it is.
Result<Owner> read_owner(const std::string& lock_path) {
  const UniqueFd lock(::open(lock_path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!lock.valid() && errno != ENOENT) return shm::system_error(fmt::format("open {}", lock_path));
  if (!lock.valid() || ::flock(lock.get(), LOCK_SH | LOCK_NB) == 0) return Owner{};
  std::array<char, 64> text{};
  const ssize_t size = ::pread(lock.get(), text.data(), text.size() - 1, 0);
  Owner owner;
  if (size <= 0 || std::sscanf(text.data(), "%d %d", &owner.keeper, &owner.server) != 2) return Owner{};
  return owner;
}

std::string proc(pid_t pid, const char* file) {
  return fmt::format("/proc/{}/{}", pid, file);
}

}  // namespace

Result<void> write_owner(int lock) {
  const std::string text = fmt::format("{:10} {:10}\n", ::getppid(), ::getpid());  // always as long as before
  if (::pwrite(lock, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    return shm::system_error("write who holds the lock file");
  return {};
}

Result<RunningDaemon> RunningDaemon::find(const std::string& socket_path) {
  RunningDaemon found;
  found.lock_path_ = socket_path + ".lock";
  const Result<Owner> owner = read_owner(found.lock_path_);
  if (!owner) return owner.error();
  if (owner->keeper == 0)
    return Error{Errc::disconnected, fmt::format("no daemon holds {}: there is nothing to replace", socket_path)};
  found.keeper_ = owner->keeper;
  found.server_ = owner->server;
  found.keeper_handle_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, owner->keeper, 0)));
  if (!found.keeper_handle_.valid()) return shm::system_error("look at the running daemon");
  // Held still, and by the same: so the handle is that keeper's, not of who got its number after it.
  const Result<Owner> again = read_owner(found.lock_path_);
  if (!again || again->keeper != found.keeper_)
    return Error{Errc::disconnected, "the running daemon has just ended: there is nothing to replace"};
  return found;
}

Result<std::vector<std::string>> RunningDaemon::command() const {
  std::ifstream file(proc(keeper_, "cmdline"), std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');) words.push_back(std::move(word));
  if (words.empty()) return Error{Errc::permission_denied, "the running daemon's command line is not to be read"};
  return words;
}

std::string RunningDaemon::working_directory() const {
  return proc(keeper_, "cwd");
}

Result<pid_t> RunningDaemon::replace_server() {
  if (::syscall(SYS_pidfd_send_signal, keeper_handle_.get(), SIGHUP, nullptr, 0) != 0)
    return shm::system_error("ask the running daemon for another server");
  for (const auto deadline = std::chrono::steady_clock::now() + kPatience; std::chrono::steady_clock::now() < deadline;
       std::this_thread::sleep_for(kLook)) {
    const Result<Owner> owner = read_owner(lock_path_);
    if (!owner) return owner.error();
    if (owner->keeper != keeper_)
      return Error{Errc::disconnected, "the running daemon ended while its server was replaced: its log says why"};
    if (owner->server != server_) return owner->server;
  }
  return Error{Errc::timed_out, fmt::format("server {} was not replaced within {} s: the daemon's log says why",
                                            server_, kPatience.count())};
}

}  // namespace dolium::daemon
