// The doctor's findings about sockets, and the directories that they lie in.

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "client/cli/socket_findings.h"
#include "shm/os/unique_fd.h"
#include "tests/cli/findings.h"
#include "tests/temporary_directory.h"

namespace dolium::cli {
namespace {

using Catch::Matchers::Contains;
using Level = Finding::Level;

}  // namespace

TEST_CASE("where there is no socket, the doctor says how to get one") {
  const test::TemporaryDirectory directory;
  const std::string path = directory.path() / "dolium.sock";
  const Finding missing = on(socket_findings(look_at_socket(path)), "path");
  CHECK(missing.level == Level::problem);
  CHECK(missing.found == "there is nothing at " + path);
  CHECK_THAT(missing.remedy, Contains("doliumd --socket " + path) && Contains("DOLIUM_SOCKET"));
  directory.write("dolium.sock", "");
  CHECK(on(socket_findings(look_at_socket(path)), "path").found == path + " is not a socket");
  const Finding hidden = on(socket_findings(look_at_socket(path + "/in-a-file")), "path");
  CHECK(hidden.level == Level::problem);
  CHECK_THAT(hidden.found, Contains("Not a directory"));
}

TEST_CASE("a directory that others may write to is a problem, whether a daemon runs or not") {
  const test::TemporaryDirectory directory;
  const std::string path = directory.path() / "dolium.sock";
  CHECK(on(socket_findings(look_at_socket(path)), "directory").level == Level::fine);
  REQUIRE(::chmod(directory.path().c_str(), 0777) == 0);
  const Finding open = on(socket_findings(look_at_socket(path)), "directory");
  CHECK(open.level == Level::problem);
  CHECK_THAT(open.found, Contains("every user can replace files in") && Contains("chmod o-w"));
}

TEST_CASE("who may connect is read off the socket, and why nobody answered off the error") {
  SocketFacts facts{.path = "/s", .exists = true, .is_socket = true, .mode = 0600, .uid = 5, .gid = 6};
  CHECK(on(socket_findings(facts), "path").found ==
        "/s, mode 0600: user 5 alone may connect; [access] decides who may read and write");
  facts.mode = 0660;
  CHECK_THAT(on(socket_findings(facts), "path").found, Contains("user 5 and group 6 may connect"));
  facts.mode = 0666;
  CHECK_THAT(on(socket_findings(facts), "path").found, Contains("every user may connect"));

  const std::pair<Errc, const char*> cases[] = {{Errc::disconnected, "its daemon was killed"},
                                                {Errc::timed_out, "stopped or overloaded"},
                                                {Errc::permission_denied, "This user may not use the store"},
                                                {Errc::protocol_error, "not compatible with the daemon"},
                                                {Errc::system_error, "could not be queried"}};
  for (const auto& [code, meaning] : cases) {
    facts.refused = Error{code, "the library's own words"};
    const Finding silent = on(socket_findings(facts), "answer");
    CHECK(silent.level == Level::problem);
    CHECK(silent.found == "the library's own words");
    CHECK_THAT(silent.meaning, Contains(meaning));
  }
}

TEST_CASE("a directory that lets nobody pass keeps out whom the socket's mode would let in") {
  const test::TemporaryDirectory directory;
  const std::string path = directory.path() / "dolium.sock";
  const shm::UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  const auto said = [&](mode_t of_socket, mode_t of_directory) {
    REQUIRE(::chmod(path.c_str(), of_socket) == 0);
    REQUIRE(::chmod(directory.path().c_str(), of_directory) == 0);
    return on(socket_findings(look_at_socket(path)), "path");
  };
  const std::string alone = fmt::format("user {} alone may connect", ::geteuid());
  const Finding closed = said(0666, 0700);
  CHECK(closed.level == Level::note);
  CHECK_THAT(closed.found, Contains(alone));
  CHECK_THAT(closed.meaning, Contains("they cannot enter the directory " + directory.path().string()));
  CHECK_THAT(closed.remedy, Contains("chmod o+x " + directory.path().string()));
  CHECK_THAT(said(0660, 0700).found, Contains(alone));
  CHECK_THAT(said(0660, 0700).meaning, Contains("they cannot enter the directory"));
  CHECK_THAT(said(0666, 0710).found, Contains(fmt::format("and group {} may connect", ::getegid())));
  CHECK(said(0666, 0710).level == Level::note);
  CHECK(said(0660, 0710).level == Level::fine);
  CHECK(said(0600, 0700).level == Level::fine);
  CHECK(said(0666, 0711).level == Level::fine);
  CHECK_THAT(said(0666, 0711).found, Contains("every user may connect"));
}

TEST_CASE("who serves at a socket is named: which may be killed, which must not, and which is stopped") {
  SocketFacts facts{.path = "/s", .exists = true, .is_socket = true, .mode = 0600, .keeper = 70, .server = 71};
  facts.refused = Error{Errc::timed_out, "no answer"};
  CHECK_THAT(on(socket_findings(facts), "answer").remedy,
             Contains("kill -9 71 (the server)") && Contains("killing 70 (the keeper) would lose all objects"));
  facts.refused = Error{Errc::disconnected, "2 connections are open"};
  CHECK_THAT(on(socket_findings(facts), "answer").meaning, Contains("server 71") && !Contains("stale"));
  facts.keeper_stopped = true;
  CHECK(on(socket_findings(facts), "keeper").remedy == "kill -CONT 70");
}

TEST_CASE("the socket's file removed: the doctor sees a daemon without it, and one that has lost its path to another") {
  SocketFacts facts{.path = "/s", .lost_keeper = 70};
  CHECK(on(socket_findings(facts), "path").found == "there is nothing at /s, but a daemon that listens there runs");
  CHECK_THAT(on(socket_findings(facts), "path").remedy,
             Contains("doliumd --replace --socket /s, or kill -HUP 70") && Contains("loses no object"));
  facts.lost_keeper = 0;
  facts.lock_held = true;  // it is not visible from here
  CHECK_THAT(on(socket_findings(facts), "path").found, Contains("but a daemon that listens there runs"));
  CHECK_THAT(on(socket_findings(facts), "path").remedy, Contains("not visible from here") && !Contains("kill"));
  SocketFacts other{.path = "/s", .exists = true, .is_socket = true, .mode = 0600, .keeper = 80, .lost_keeper = 70};
  CHECK_THAT(on(socket_findings(other), "lock").remedy,
             Contains("(keeper 80)") && Contains("kill -HUP 70") && Contains("kill 70"));
  other.keeper = 0;
  CHECK_THAT(on(socket_findings(other), "lock").found, Contains("/s.lock was removed"));
}

TEST_CASE("directories of containers: where a daemon answers, a directory that others may write to is a note") {
  SocketFacts facts{.path = "/s", .exists = true, .is_socket = true, .mode = 0600, .answers = true};
  facts.directory = Error{Errc::permission_denied, "every user can replace files in /"};
  CHECK(on(socket_findings(facts), "directory").level == Level::note);
  facts.answers = false;
  CHECK(on(socket_findings(facts), "directory").level == Level::problem);
}

}  // namespace dolium::cli
