#include "daemon/running_daemon.h"

#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <thread>

#include "protocol/socket_owner.h"
#include "shm/system_error.h"

namespace dolium::daemon {
namespace {

using shm::UniqueFd;

constexpr std::chrono::milliseconds kLook{10};

std::string proc(pid_t pid, const char* file) {
  return fmt::format("/proc/{}/{}", pid, file);
}

}  // namespace

Result<RunningDaemon> RunningDaemon::find(const std::string& socket_path) {
  RunningDaemon found;
  found.lock_path_ = socket_path + ".lock";
  const Result<protocol::SocketOwner> owner = protocol::read_socket_owner(found.lock_path_);
  if (!owner) return owner.error();
  if (owner->keeper == 0)
    return Error{Errc::disconnected, fmt::format("no daemon holds {}: there is nothing to replace", socket_path)};
  found.keeper_ = owner->keeper;
  found.server_ = owner->server;
  found.keeper_handle_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, owner->keeper, 0)));
  if (!found.keeper_handle_.valid()) return shm::system_error("look at the running daemon");
  // Held still, and by the same: so the handle is that keeper's, not of who got its number after it.
  const Result<protocol::SocketOwner> again = protocol::read_socket_owner(found.lock_path_);
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
    const Result<protocol::SocketOwner> owner = protocol::read_socket_owner(lock_path_);
    if (!owner) return owner.error();
    if (owner->keeper != keeper_)
      return Error{Errc::disconnected, "the running daemon ended while its server was replaced: its log says why"};
    if (owner->server != server_) return owner->server;
  }
  return Error{Errc::timed_out, fmt::format("server {} was not replaced within {} s: the daemon's log says why",
                                            server_, kPatience.count())};
}

}  // namespace dolium::daemon
