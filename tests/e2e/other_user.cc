#include "tests/e2e/other_user.h"

#include <grp.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <exception>

#include "tests/e2e/process.h"

namespace dolium::e2e {
namespace {

bool become(const User& user) {
  return ::setgroups(user.groups.size(), user.groups.data()) == 0 && ::setresgid(user.gid, user.gid, user.gid) == 0 &&
         ::setresuid(user.uid, user.uid, user.uid) == 0 && ::prctl(PR_SET_DUMPABLE, 1) == 0 &&
         ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
}

[[noreturn]] void act_and_exit(const User& user, const std::function<std::string()>& act, int out) {
  std::string words = "could not become the user";
  try {
    if (become(user)) words = act();
  } catch (const std::exception& failure) {
    words = std::string("failed: ") + failure.what();
  }
  const bool said = ::write(out, words.data(), words.size()) == static_cast<ssize_t>(words.size());
  ::_exit(said ? 0 : 1);
}

std::string read_all(int fd) {
  std::string words;
  char buffer[4096];
  for (;;) {
    const ssize_t got = ::read(fd, buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return words;
    words.append(buffer, static_cast<std::size_t>(got));
  }
}

}  // namespace

bool can_be_others() {
  if (::geteuid() == 0) return true;
  WARN("skipped: only root can be another user");
  return false;
}

std::string as_user(const User& user, const std::function<std::string()>& act) {
  Pipe pipe = make_pipe();
  const pid_t child = ::fork();
  if (child == 0) act_and_exit(user, act, pipe.write_end.get());
  pipe.write_end.reset();
  if (child < 0) return "could not fork";
  std::string words = read_all(pipe.read_end.get());
  int status = 0;
  if (::waitpid(child, &status, 0) != child) return "could not wait for the child";
  if (status != 0) return "the child ended with status " + std::to_string(status) + " after: " + words;
  return words;
}

}  // namespace dolium::e2e
