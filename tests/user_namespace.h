#pragma once
// Runs code in its own user namespace: a child of fork(), which acts there and reports in words. Needs root, or a
// kernel that lets other users create such namespaces; otherwise in_user_namespace() reports that.

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace dolium::test {

/// What a namespace maps, and whom the code runs as. Users and groups alike.
struct Mapping {
  std::uint32_t inside = 0;
  std::uint32_t outside = 0;
  std::uint32_t count = 1;
};

inline constexpr std::string_view kNoNamespace = "skipped: this kernel refuses a user namespace here";

/// In the child, as `user` of the namespace; -1: stays what it is.
inline std::string act_in_namespace(int ready, int go, int user, const std::function<std::string()>& act) {
  char byte = ::unshare(CLONE_NEWUSER) == 0 ? 'y' : 'n';
  if (::write(ready, &byte, 1) != 1 || byte == 'n' || ::read(go, &byte, 1) != 1 || byte != 'y')
    return std::string(kNoNamespace);
  const auto id = static_cast<uid_t>(user);
  if (user >= 0 && (::setresgid(id, id, id) != 0 || ::setresuid(id, id, id) != 0 || ::prctl(PR_SET_DUMPABLE, 1) != 0))
    return "could not become the user";
  return act();
}

inline bool write_maps(pid_t child, const Mapping& mapping) {
  const std::string line = fmt::format("{} {} {}\n", mapping.inside, mapping.outside, mapping.count);
  for (const char* map : {"uid_map", "gid_map"}) {
    if (::geteuid() != 0) std::ofstream(fmt::format("/proc/{}/setgroups", child)) << "deny";
    std::ofstream file(fmt::format("/proc/{}/{}", child, map));
    if (!(file << line << std::flush)) return false;
  }
  return true;
}

/// A child of fork() in a new user namespace, in which `act` runs, and the end of a pipe that its words come through;
/// the pipe ends without words when `act` becomes another program. -1: could not fork.
struct Child {
  pid_t pid = -1;
  int words = -1;
};

inline Child start_in_user_namespace(const Mapping& mapping, int user, const std::function<std::string()>& act) {
  std::array<int, 2> ready{}, go{}, out{};
  if (::pipe2(ready.data(), O_CLOEXEC) != 0 || ::pipe2(go.data(), O_CLOEXEC) != 0 ||
      ::pipe2(out.data(), O_CLOEXEC) != 0)
    return {};
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::close(ready[0]);
    ::close(go[1]);
    const std::string words = act_in_namespace(ready[1], go[0], user, act);
    ::_exit(::write(out[1], words.data(), words.size()) == static_cast<ssize_t>(words.size()) ? 0 : 1);
  }
  for (const int end : {ready[1], go[0], out[1]}) ::close(end);
  char byte = 'n';
  if (::read(ready[0], &byte, 1) == 1 && byte == 'y') {  // else it has said why, and does not wait: SIGPIPE
    if (!write_maps(child, mapping)) byte = 'n';
    static_cast<void>(::write(go[1], &byte, 1));
  }
  for (const int end : {ready[0], go[1]}) ::close(end);
  return {child, out[0]};
}

/// Up to their end.
inline std::string words_of(Child& child) {
  std::string words;
  std::array<char, 4096> buffer;
  for (ssize_t got = 0; (got = ::read(child.words, buffer.data(), buffer.size())) > 0;)
    words.append(buffer.data(), static_cast<std::size_t>(got));
  ::close(std::exchange(child.words, -1));
  return words;
}

/// What `act` returned in a new user namespace; kNoNamespace where there can be none.
inline std::string in_user_namespace(const Mapping& mapping, int user, const std::function<std::string()>& act) {
  Child child = start_in_user_namespace(mapping, user, act);
  if (child.pid < 0) return "could not start";
  const std::string words = words_of(child);
  static_cast<void>(::waitpid(child.pid, nullptr, 0));
  return words;
}

}  // namespace dolium::test
