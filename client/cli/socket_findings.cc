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

/// By the socket's mode, and by the way to it.
struct Reach {
  std::string who;
  std::string closed = {};  ///< the directory that keeps out whom the mode would let in; empty: none
};

Reach who_connects(const SocketFacts& facts) {
  const bool others = (facts.mode & kOthersConnect) != 0;
  const bool group = others || (facts.mode & kGroupConnects) != 0;
  if (others && facts.closed_to_others.empty()) return {"everybody"};
  const std::string& closed = others ? facts.closed_to_others : facts.closed_to_group;
  if (group && facts.closed_to_group.empty())
    return {fmt::format("user {} and group {}", facts.uid, facts.gid), closed};
  return {fmt::format("user {} alone", facts.uid), group ? closed : ""};
}

Finding admission(const SocketFacts& facts) {
  const Reach reach = who_connects(facts);
  const std::string found = fmt::format("{}, mode {:04o}: {} may connect, and [access] decides who may do what",
                                        facts.path, facts.mode, reach.who);
  if (reach.closed.empty()) return kSocket("path", Finding::Level::fine, found);
  return kSocket(
      "path", Finding::Level::note, found,
      fmt::format("The socket's mode would let more in; the directory {} does not let them pass.", reach.closed),
      fmt::format("if they shall connect, let them pass (chmod o+x {}, or g+x for its group), or choose "
                  "another --socket; if not, --socket-mode=0600 says so",
                  reach.closed));
}

/// How a daemon gets its socket file and its lock back.
std::string make_again(const SocketFacts& facts) {
  const std::string replace = fmt::format("doliumd --replace --socket {}", facts.path);
  return facts.lost_keeper != 0
             ? fmt::format("{}, or kill -HUP {} (the keeper), makes it again and loses no object", replace,
                           facts.lost_keeper)
             : fmt::format(
                   "SIGHUP to the keeper makes it again and loses no object; its processes are not seen from "
                   "here: {} on the host, as root or as the daemon's user, finds it",
                   replace);
}

/// A daemon that another one has taken the path of, or that will lose it to the next one that starts.
void examine_lost(const SocketFacts& facts, Findings& out) {
  if (facts.lost_keeper == 0 || !facts.exists) return;
  if (facts.keeper == 0)
    out.push_back(kSocket(
        "lock", Finding::Level::problem,
        fmt::format("{}.lock was removed; the daemon that held it (keeper {}) runs", facts.path, facts.lost_keeper),
        "Nothing keeps another daemon from starting there.", make_again(facts)));
  else
    out.push_back(kSocket(
        "lock", Finding::Level::problem,
        fmt::format("another daemon (keeper {}) listened here before its files were removed, and runs",
                    facts.lost_keeper),
        "Only clients that were connected reach it, and they cannot come back to another server of it.",
        fmt::format(
            "stop the daemon that listens here now (keeper {0}), then kill -HUP {1}, if its objects are wanted; "
            "else stop it: kill {1}",
            facts.keeper, facts.lost_keeper)));
}

Finding place(const SocketFacts& facts) {
  if (facts.look)
    return kSocket("path", Finding::Level::problem, facts.look->message,
                   "Whether a daemon listens there cannot be known.",
                   "run this as the user that doliumd runs as, or name another --socket");
  if (!facts.exists && (facts.lost_keeper != 0 || facts.lock_held))
    return kSocket("path", Finding::Level::problem,
                   fmt::format("there is nothing at {}, but a daemon that listens there runs", facts.path),
                   "Its socket file was removed. Clients that are connected go on; no other can connect.",
                   make_again(facts));
  if (!facts.exists)
    return kSocket(
        "path", Finding::Level::problem, fmt::format("there is nothing at {}", facts.path),
        "No daemon listens there, or it listens at another path than this command, and clients like it, "
        "look for it.",
        fmt::format("doliumd --socket {}; or tell clients where it is, with --socket or DOLIUM_SOCKET", facts.path));
  if (!facts.is_socket)
    return kSocket("path", Finding::Level::problem, fmt::format("{} is not a socket", facts.path),
                   "doliumd leaves such files alone, and does not start.", "move it away, or choose another --socket");
  return admission(facts);
}

/// Words for why nobody answered where there is a socket.
Finding silence(const SocketFacts& facts) {
  const Error& error = *facts.refused;
  const bool served = facts.server != 0;
  switch (error.code) {
    case Errc::disconnected:
      if (served)
        return kSocket("answer", Finding::Level::problem, error.message,
                       fmt::format("A daemon is there (server {}), and did not let this command in.", facts.server),
                       "as it says; its log may say more");
      return kSocket("answer", Finding::Level::problem, error.message,
                     "The socket was left behind by a daemon that was killed, or its daemon does not answer in time: "
                     "it is stopped, or far too busy.",
                     "start doliumd, which replaces a stale socket; or see what its process does (ps, journalctl)");
    case Errc::timed_out:
      return kSocket("answer", Finding::Level::problem, error.message,
                     "A daemon is there, but stopped, or far too busy: its clients wait, too.",
                     served ? fmt::format("see what it does (ps, its log); kill -9 {} (the server) loses no sealed "
                                          "object; to kill {} (the keeper) would lose all",
                                          facts.server, facts.keeper)
                            : "see what it does (ps, its log), as the user that doliumd runs as");
    case Errc::permission_denied:
      return kSocket("answer", Finding::Level::problem, error.message,
                     "What the store holds is not for this user to see.",
                     "run this as the user that doliumd runs as, or have [socket] mode, group and [access] changed");
    case Errc::protocol_error:
      return kSocket("answer", Finding::Level::problem, error.message,
                     "This command, and the library, do not fit the daemon.",
                     "install the same release of both; `doliumd --replace` has it take up its program's new version");
    default:
      return kSocket("answer", Finding::Level::problem, error.message, "It could not be asked anything.",
                     "see the message; doliumd's log may say more");
  }
}

/// The first directory on the way there that does not let members of `group`, or without one all others, pass.
std::string first_closed(const fs::path& directory, std::optional<gid_t> group) {
  fs::path here;
  for (const fs::path& name : directory) {
    here /= name;
    struct stat info {};
    if (::stat(here.c_str(), &info) != 0) continue;  // to know nothing is no failure
    const mode_t passes = group && info.st_gid == *group ? S_IXGRP : S_IXOTH;
    if ((info.st_mode & passes) == 0) return here.string();
  }
  return "";
}

/// As links lead there; what they lie in is open where links are made for others.
void look_at_way(SocketFacts& facts) {
  std::error_code error;
  const fs::path directory = fs::canonical(fs::absolute(facts.path, error).parent_path(), error);
  if (error) return;
  facts.closed_to_others = first_closed(directory, std::nullopt);
  facts.closed_to_group = first_closed(directory, facts.gid);
}

/// Seen by the daemon's user and root alone; to know nothing is no failure.
void look_for_daemon(SocketFacts& facts) {
  if (const auto owner = protocol::read_socket_owner(facts.path + ".lock")) facts.lock_held = owner->keeper != 0;
  for (const protocol::LockHolder& daemon : protocol::find_lock_holders(facts.path)) {
    // Without its socket file, a daemon that has its lock is as lost to clients as one that has lost both.
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
    out.push_back(kSocket("directory", Finding::Level::fine, "nobody else can put another socket there"));
  else if (facts.directory->code == Errc::permission_denied && facts.answers)
    out.push_back(kSocket("directory", Finding::Level::note, facts.directory->message,
                          "Whoever can replace the socket can have clients talk to a daemon of their own. The one that "
                          "answers takes its directory as it is (trust_directory), or it was changed since.",
                          "as it says, where others than this daemon and its clients come there"));
  else if (facts.directory->code == Errc::permission_denied)
    out.push_back(kSocket("directory", Finding::Level::problem, facts.directory->message,
                          "Whoever can replace the socket can have clients talk to a daemon of their own; doliumd "
                          "does not start there.",
                          "as it says"));
  else if (facts.exists)
    out.push_back(kSocket("directory", Finding::Level::note, facts.directory->message,
                          "Whether others could replace the socket cannot be known.", "run this as another user"));
  examine_lost(facts, out);
  if (facts.keeper_stopped)
    out.push_back(kSocket("keeper", Finding::Level::problem,
                          fmt::format("process {}, which keeps the memory, is stopped", facts.keeper),
                          "If the server dies, no other follows it: clients wait for as long.",
                          fmt::format("kill -CONT {}", facts.keeper)));
  if (facts.refused && facts.exists && facts.is_socket) out.push_back(silence(facts));
  return out;
}

}  // namespace dolium::cli
