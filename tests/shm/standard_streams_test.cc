// Standard streams that are closed when a program starts. In a child: they are the test's own.

#include "shm/os/standard_streams.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>

#include "shm/os/unique_fd.h"

namespace dolium::shm {
namespace {

/// The exit status of a child that closes its streams and does this.
template <class What>
int without_streams(What what) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::close_range(0, ~0U, 0);  // and what the test's own starter has left open
    ::_exit(what());
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// 0: taken; else the errno.
int print() {
  return ::write(STDOUT_FILENO, "x", 1) == 1 ? 0 : errno;
}
int read_one() {
  char byte = 0;
  return ::read(STDIN_FILENO, &byte, 1) >= 0 ? 0 : errno;
}

}  // namespace

TEST_CASE("standard streams: those that are closed are opened, and no others") {
  for (const ClosedStreams how : {ClosedStreams::discard, ClosedStreams::refuse})
    CHECK(without_streams([how] {
            open_standard_streams(how);
            open_standard_streams(how);
            return ::open("/", O_RDONLY);
          }) == 3);
}

TEST_CASE("standard streams: a daemon's take what is printed, a command's refuse it as closed ones do") {
  const auto after = [](ClosedStreams how, int (*what)()) {
    return without_streams([=] {
      open_standard_streams(how);
      return what();
    });
  };
  CHECK(after(ClosedStreams::discard, print) == 0);
  CHECK(after(ClosedStreams::discard, read_one) == 0);
  CHECK(after(ClosedStreams::refuse, print) == EBADF);
  CHECK(after(ClosedStreams::refuse, read_one) == EBADF);
}

TEST_CASE("standard streams: a descriptor with an owner is never one of them") {
  CHECK(without_streams([] {
          UniqueFd made(::open("/dev/null", O_RDONLY));
          UniqueFd reset;
          reset.reset(::open("/dev/null", O_RDONLY));
          const bool close_on_exec = ::fcntl(made.get(), F_GETFD) == FD_CLOEXEC;
          return made.get() == 3 && reset.get() == 4 && close_on_exec ? print() : 1;
        }) == EBADF);
}

TEST_CASE("standard streams: where there is no descriptor above them, the owner has none, and errno says why") {
  CHECK(without_streams([] {
          const rlimit few{64, 64};
          if (::setrlimit(RLIMIT_NOFILE, &few) != 0) return 0;
          while (::open("/dev/null", O_RDONLY) >= 0) {  // all that this process may have
          }
          ::close(1);
          const UniqueFd none(::open("/dev/null", O_RDONLY));
          const int reason = errno;
          return none.valid() || ::fcntl(1, F_GETFD) != -1 ? 0 : reason;
        }) == EMFILE);
}

}  // namespace dolium::shm
