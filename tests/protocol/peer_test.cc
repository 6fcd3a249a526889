// The peer's identity: this process, and a child of it that exits.

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

TEST_CASE("a connection that changes hands says who sent what, if it is asked to") {
  Connection connection;
  const Bytes message = framed(pattern(10));
  const auto send_from_child = [&] {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(::send(connection.near.get(), message.data(), message.size(), 0) < 0 ? 1 : 0);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(status == 0);
    return child;
  };
  FrameReader reader;
  const auto read_one = [&] {
    REQUIRE(reader.read_from(connection.far.get()).value() == ReadState::progress);
    REQUIRE(reader.next());
    CHECK_FALSE(reader.next());
  };
  send_from_child();
  read_one();
  CHECK(reader.sender() == 0);
  REQUIRE(report_senders(connection.far.get()));
  // Sent together, read apart: what is read at once is of one sender.
  connection.send_raw(message);
  const pid_t first = send_from_child();
  const pid_t second = send_from_child();
  read_one();
  CHECK(reader.sender() == ::getpid());
  read_one();
  CHECK(reader.sender() == first);
  read_one();
  CHECK(reader.sender() == second);
  // And descriptors still come through.
  FrameWriter writer;
  std::vector<shm::UniqueFd> all;
  for (std::size_t i = 0; i < kMaxDescriptors; ++i) all.push_back(duplicate(connection.near.get()).value());
  REQUIRE(writer.push(message, std::move(all)));
  REQUIRE(writer.flush(connection.near.get()).value());
  read_one();
  CHECK(reader.sender() == ::getpid());
  CHECK(reader.take_descriptors().size() == kMaxDescriptors);
}

TEST_CASE("a process has a name, and what is no process has none") {
  CHECK(command_of(::getpid()) == "protocol_tests");
  CHECK(command_of(-1) == "?");
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
