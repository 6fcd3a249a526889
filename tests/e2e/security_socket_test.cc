// Attacks on the socket's path: the daemon follows no foreign link, takes over no foreign file, and does not listen
// where another process does. With real users, as in security_test.cc; needs root, and says so otherwise.

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "protocol/listener.h"
#include "tests/e2e/other_user.h"
#include "tests/e2e/owners_daemon.h"

using namespace dolium;
using namespace dolium::e2e;

namespace fs = std::filesystem;

TEST_CASE("security: links where the socket or its lock should be are refused, and what they point to stays") {
  if (!have_users()) return;
  const OwnersDirectory directory;
  const fs::path precious = directory.path() / "precious";
  std::ofstream(precious) << "content";
  REQUIRE(::chown(precious.c_str(), kOwner.uid, kOwner.gid) == 0);
  const auto [link, words] = GENERATE(table<const char*, const char*>(
      {{"dolium.sock", "is not a socket"}, {"dolium.sock.lock", "Too many levels of symbolic links"}}));
  CAPTURE(link);
  fs::create_symlink(precious, directory.path() / link);
  const Finished finished = run_to_end(owners_command(directory.socket()));
  CHECK(finished.how == "exit 1");
  CHECK_THAT(finished.output, Catch::Contains(words) && Catch::Contains(link));
  CHECK(fs::is_symlink(directory.path() / link));
  CHECK(fs::file_size(precious) == 7);
}

TEST_CASE("security: a stranger's socket in a directory for all is neither taken over nor removed") {
  if (!have_users()) return;
  const TemporaryDirectory directory;
  fs::permissions(directory.path(), fs::perms(01777));
  const fs::path socket = directory.path() / "dolium.sock";
  const std::string bound = as_user(kStranger, [&] {
    const auto listener = protocol::Listener::open({.path = socket.string(), .mode = 0666});
    ::_exit(listener ? 0 : 1);  // dies at once: the socket stays, and nobody listens
    return std::string();
  });
  REQUIRE(bound.empty());
  REQUIRE(fs::is_socket(socket));
  const Finished locked_out = run_to_end(owners_command(socket));
  CHECK(locked_out.how == "exit 1");
  CHECK_THAT(locked_out.output,
             Catch::Contains(socket.string() + ".lock belongs to user " + std::to_string(kStranger.uid)));
  CHECK(fs::is_socket(socket));
  fs::remove(socket.string() + ".lock");  // and without one in the way
  const Finished finished = run_to_end(owners_command(socket));
  CHECK(finished.how == "exit 1");
  CHECK_THAT(finished.output, Catch::Contains(socket.string()) && Catch::Contains("ermi"));
  CHECK(fs::is_socket(socket));
}

TEST_CASE("security: of two daemons, of whatever users, the second is refused and the first serves on") {
  if (!have_users()) return;
  OwnersDaemon daemon({});
  struct stat before {};
  struct stat after {};
  REQUIRE(::stat(daemon.socket().c_str(), &before) == 0);
  const Finished same = run_to_end(owners_command(daemon.socket()));
  CHECK(same.how == "exit 1");
  CHECK_THAT(same.output, Catch::Contains("already listening at " + daemon.socket()));
  const Finished root = run_to_end({DOLIUM_DOLIUMD_PATH, "--capacity=4MiB", "--socket", daemon.socket()});
  CHECK(root.how == "exit 1");
  // Not even asked whether somebody listens: in /tmp, root does not put its socket into another user's directory.
  CHECK_THAT(root.output, Catch::Contains("belongs to user 61000"));
  REQUIRE(::stat(daemon.socket().c_str(), &after) == 0);
  CHECK(after.st_ino == before.st_ino);
  CHECK(daemon.is_intact());
}
