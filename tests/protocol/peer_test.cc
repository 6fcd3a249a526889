// Who is at the other end: this process, and a child of it that exits.

#include "protocol/peer.h"

#include <grp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "tests/protocol/helpers.h"

namespace dolium::protocol::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("the peer of a pair of our own is this process") {
  Connection connection;
  const PeerCredentials peer = peer_credentials(connection.near.get()).value();
  CHECK(peer.pid == ::getpid());
  CHECK(peer.uid == ::geteuid());
  CHECK(peer.gid == ::getegid());
}

TEST_CASE("supplementary groups are the process's own, however many") {
  std::vector<gid_t> old(static_cast<std::size_t>(::getgroups(0, nullptr)));
  REQUIRE(::getgroups(static_cast<int>(old.size()), old.data()) >= 0);
  std::vector<gid_t> expected = old;
  if (::geteuid() == 0) {
    expected.clear();
    for (gid_t group = 0; group < 100; ++group) expected.push_back(5000 + group);
    REQUIRE(::setgroups(expected.size(), expected.data()) == 0);
  }
  Connection connection;
  if (::geteuid() == 0) REQUIRE(::setgroups(old.size(), old.data()) == 0);
  auto groups = peer_groups(connection.near.get()).value();
  std::ranges::sort(groups);
  std::ranges::sort(expected);
  CHECK(groups == expected);
}

TEST_CASE("a pidfd becomes readable when the process is gone") {
  const auto before = open_descriptors();
  {
    Connection connection;
    const auto self = peer_process(connection.near.get()).value();
    CHECK(is_close_on_exec(self.get()));
    CHECK_FALSE(wait_readable(self.get(), Deadline{}).value());

    const pid_t child = ::fork();
    if (child == 0) {
      char byte = 0;
      connection.near.reset();
      ::fcntl(connection.far.get(), F_SETFL, 0);
      ::_exit(::recv(connection.far.get(), &byte, 1, 0) == 0 ? 0 : 1);
    }
    REQUIRE(child > 0);
    const auto process = process_by_number(child).value();
    CHECK(is_close_on_exec(process.get()));
    CHECK_FALSE(wait_readable(process.get(), Deadline{}).value());
    connection.near.reset();
    CHECK(wait_readable(process.get(), deadline_after(30s)).value());
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    CHECK(process_by_number(child).error().code == Errc::not_found);
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("a socket without a peer is a system failure") {
  const shm::UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  CHECK(peer_credentials(null.get()).error().code == Errc::system_error);
  CHECK(peer_groups(null.get()).error().code == Errc::system_error);
  CHECK(peer_process(null.get()).error().code == Errc::system_error);
}

}  // namespace
}  // namespace dolium::protocol::test
