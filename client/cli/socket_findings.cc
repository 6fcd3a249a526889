#include "client/cli/socket_findings.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "protocol/lock_holders.h"
#include "protocol/socket_directory.h"
#include "protocol/socket_owner.h"
#include "shm/os/proc_file.h"
#include "shm/os/system_error.h"

namespace dolium::cli {
namespace {

namespace fs = std::filesystem;
constexpr Section kSocket{"socket"};
constexpr mode_t kGroupConnects = 0020;  // connect(2) wants write permission
constexpr mode_t kOthersConnect = 0002;

/// Which users can connect, by the mode of the socket and of the directories above.
struct Reach {
  std::string who;
  std::string closed = {};  ///< a directory that excludes users whom the socket's mode allows; empty: none
};

Reach who_connects(const SocketFacts& facts) {
  const bool others = (facts.mode & kOthersConnect) != 0;
  const bool group = others || (facts.mode & kGroupConnects) != 0;
  if (others && facts.closed_to_others.empty()) return {"every user"};
  const std::string& closed = others ? facts.closed_to_others : facts.closed_to_group;
  if (group && facts.closed_to_group.empty())
    return {fmt::format("user {} and group {}", facts.uid, facts.gid), closed};
  return {fmt::format("user {} alone", facts.uid), group ? closed : ""};
}

Finding admission(const SocketFacts& facts) {
  const Reach reach = who_connects(facts);
  const std::string found = fmt::format("{}, mode {:04o}: {} may connect; [access] decides who may read and write",
                                        facts.path, facts.mode, reach.who);
  if (reach.closed.empty()) return kSocket("path", Finding::Level::fine, found);
  return kSocket(
      "path", Finding::Level::note, found,
      fmt::format("The socket's mode allows more users, but they cannot enter the directory {}.", reach.closed),
      fmt::format("if they should connect, let them enter it (chmod o+x {}, or g+x for its group), or choose "
                  "another --socket; if not, set --socket-mode=0600",
                  reach.closed));
}

/// How to make a daemon create its socket file and its lock again.
std::string make_again(const SocketFacts& facts) {
  const std::string replace = fmt::format("doliumd --replace --socket {}", facts.path);
  return facts.lost_keeper != 0
             ? fmt::format("{}, or kill -HUP {} (the keeper), creates it again and loses no object", replace,
                           facts.lost_keeper)
             : fmt::format(
                   "SIGHUP to the keeper creates it again and loses no object; its processes are not visible from "
                   "here: {} on the host, as root or as the daemon's user, finds it",
                   replace);
}

/// A daemon that has lost its path to another one, or will lose it to the next one that starts.
void examine_lost(const SocketFacts& facts, Findings& out) {
  if (facts.lost_keeper == 0 || !facts.exists) return;
  if (facts.keeper == 0)
    out.push_back(kSocket(
        "lock", Finding::Level::problem,
        fmt::format("{}.lock was removed; the daemon that held it (keeper {}) runs", facts.path, facts.lost_keeper),
        "Another daemon could start there.", make_again(facts)));
  else
    out.push_back(kSocket(
        "lock", Finding::Level::problem,
        fmt::format("another daemon (keeper {}) listened here before its files were removed, and runs",
                    facts.lost_keeper),
        "Only clients that are already connected reach it, and they cannot resume if its server is replaced.",
        fmt::format(
            "if its objects are needed, stop the daemon that listens here now (keeper {0}), then kill -HUP {1}; "
            "else stop it: kill {1}",
            facts.keeper, facts.lost_keeper)));
}

Finding place(const SocketFacts& facts) {
  if (facts.look)
    return kSocket("path", Finding::Level::problem, facts.look->message,
                   "It is unknown whether a daemon listens there.",
                   "run this as the user that doliumd runs as, or name another --socket");
  if (!facts.exists && (facts.lost_keeper != 0 || facts.lock_held))
    return kSocket("path", Finding::Level::problem,
                   fmt::format("there is nothing at {}, but a daemon that listens there runs", facts.path),
                   "Its socket file was removed. Connected clients are not affected, but no new client can connect.",
                   make_again(facts));
  if (!facts.exists)
    return kSocket(
        "path", Finding::Level::problem, fmt::format("there is nothing at {}", facts.path),
        "No daemon runs, or it listens at another path than the one where this command and other clients "
        "look.",
        fmt::format("start doliumd --socket {}; or give clients the right path, with --socket or DOLIUM_SOCKET",
                    facts.path));
  if (!facts.is_socket)
    return kSocket("path", Finding::Level::problem, fmt::format("{} is not a socket", facts.path),
                   "doliumd does not replace such a file, and does not start.",
                   "move it away, or choose another --socket");
  return admission(facts);
}

/// Explains why no daemon answers at an existing socket.
Finding silence(const SocketFacts& facts) {
  const Error& error = *facts.refused;
  const bool served = facts.server != 0;
  switch (error.code) {
    case Errc::disconnected:
      if (served)
        return kSocket("answer", Finding::Level::problem, error.message,
                       fmt::format("A daemon runs (server {}), but refused this command.", facts.server),
                       "see the message above; the daemon's log may have details");
      return kSocket(
          "answer", Finding::Level::problem, error.message,
          "The socket is stale (its daemon was killed), or its daemon does not answer in time: "
          "it is stopped, or overloaded.",
          "start doliumd, which replaces a stale socket; or find out what its process is doing (ps, journalctl)");
    case Errc::timed_out:
      return kSocket(
          "answer", Finding::Level::problem, error.message,
          "A daemon runs, but is stopped or overloaded: its clients wait, too.",
          served ? fmt::format("find out what it is doing (ps, its log); kill -9 {} (the server) loses no sealed "
                               "object; killing {} (the keeper) would lose all objects",
                               facts.server, facts.keeper)
                 : "find out what it is doing (ps, its log), as the user that doliumd runs as");
    case Errc::permission_denied:
      return kSocket("answer", Finding::Level::problem, error.message, "This user may not use the store.",
                     "run this as the user that doliumd runs as, or change [socket] mode, group and [access]");
    case Errc::protocol_error:
      return kSocket("answer", Finding::Level::problem, error.message,
                     "This command and its library are not compatible with the daemon.",
                     "install the same release of both; `doliumd --replace` starts the daemon's new version");
    default:
      return kSocket("answer", Finding::Level::problem, error.message, "The daemon could not be queried.",
                     "see the message above; doliumd's log may have details");
  }
}

/// The first directory on the path that members of `group` cannot enter; without a group, that other users cannot
/// enter.
std::string first_closed(const fs::path& directory, std::optional<gid_t> group) {
  fs::path here;
  for (const fs::path& name : directory) {
    here /= name;
    struct stat info {};
    if (::stat(here.c_str(), &info) != 0) continue;  // unknown: no finding
    const mode_t passes = group && info.st_gid == *group ? S_IXGRP : S_IXOTH;
    if ((info.st_mode & passes) == 0) return here.string();
  }
  return "";
}

/// Follows links. The directories of the links themselves are not checked: links for other users are in open ones.
void look_at_way(SocketFacts& facts) {
  std::error_code error;
  const fs::path directory = fs::canonical(fs::absolute(facts.path, error).parent_path(), error);
  if (error) return;
  facts.closed_to_others = first_closed(directory, std::nullopt);
  facts.closed_to_group = first_closed(directory, facts.gid);
}

/// Only the daemon's user and root can see this. Unknown facts are no failure.
void look_for_daemon(SocketFacts& facts) {
  if (const auto owner = protocol::read_socket_owner(facts.path + ".lock")) facts.lock_held = owner->keeper != 0;
  for (const protocol::LockHolder& daemon : protocol::find_lock_holders(facts.path)) {
    // A daemon with its lock but without its socket file is as unreachable as one that has lost both.
    if (!daemon.is_current || !facts.exists) facts.lost_keeper = daemon.keeper;
    if (!daemon.is_current) continue;
    facts.keeper = daemon.keeper;
    facts.server = daemon.server;
    const auto state = shm::read_line(fmt::format("/proc/{}/status", daemon.keeper), "State:");
    facts.keeper_stopped = state && (state->starts_with('T') || state->starts_with('t'));
  }
}

}  // namespace

SocketFacts look_at_socket(const std::string& path) {
  SocketFacts facts;
  facts.path = path;
  struct stat status {};
  facts.uid = ::geteuid();
  if (::lstat(path.c_str(), &status) == 0) {
    facts.exists = true;
    facts.is_socket = S_ISSOCK(status.st_mode);
    facts.mode = status.st_mode & 07777;
    facts.uid = status.st_uid;
    facts.gid = status.st_gid;
    look_at_way(facts);
  } else if (errno != ENOENT) {
    facts.look = shm::system_error(fmt::format("look at {}", path));
  }
  look_for_daemon(facts);
  if (auto checked = protocol::check_socket_directory(path, facts.uid); !checked)
    facts.directory = std::move(checked).error();
  return facts;
}

Findings socket_findings(const SocketFacts& facts) {
  Findings out{place(facts)};
  if (!facts.directory)
    out.push_back(kSocket("directory", Finding::Level::fine, "no other user can replace the socket"));
  else if (facts.directory->code == Errc::permission_denied && facts.answers)
    out.push_back(
        kSocket("directory", Finding::Level::note, facts.directory->message,
                "A user that can replace the socket can make clients connect to another program. The daemon that "
                "answers trusts its directory (trust_directory), or the directory has changed since it started.",
                "see the message above, if other users can reach the directory"));
  else if (facts.directory->code == Errc::permission_denied)
    out.push_back(kSocket("directory", Finding::Level::problem, facts.directory->message,
                          "A user that can replace the socket can make clients connect to another program; doliumd "
                          "does not start there.",
                          "see the message above"));
  else if (facts.exists)
    out.push_back(kSocket("directory", Finding::Level::note, facts.directory->message,
                          "It is unknown whether other users could replace the socket.", "run this as another user"));
  examine_lost(facts, out);
  if (facts.keeper_stopped)
    out.push_back(kSocket("keeper", Finding::Level::problem,
                          fmt::format("process {}, which keeps the memory, is stopped", facts.keeper),
                          "If the server dies, it is not restarted: clients wait as long as the keeper is stopped.",
                          fmt::format("kill -CONT {}", facts.keeper)));
  if (facts.refused && facts.exists && facts.is_socket) out.push_back(silence(facts));
  return out;
}

}  // namespace dolium::cli
