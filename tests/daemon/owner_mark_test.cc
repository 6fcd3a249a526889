// The keeper's mark, with real deaths: a child of the test signs the index, and ends in one way or another.

#include "daemon/keeper/owner_mark.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <functional>

#include "daemon/server/estate.h"
#include "shm/table/object_index.h"

using namespace dolium;
using namespace dolium::daemon;

namespace {

shm::ObjectIndex make_index() {
  return shm::ObjectIndex::create(16, 1 << 20).value();
}

const shm::OwnerWord& word_of(const shm::Mapping& page) {
  return reinterpret_cast<const shm::IndexHeader*>(page.data())->owner;
}

shm::Mapping read_page(const shm::ObjectIndex& index) {
  return shm::Mapping::map(index.segment().fd(), shm::kPageBytes, shm::Mapping::Mode::read_only, "header").value();
}

/// In a child that signs it; until the child has ended.
void sign_and(const shm::ObjectIndex& index, const std::function<void(OwnerMark&)>& end) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    OwnerMark mark;
    if (!mark.sign(index.segment().fd())) ::_exit(1);
    if (!mark.sign(index.segment().fd())) ::_exit(1);  // as each server asks for it
    end(mark);
    ::_exit(0);
  }
  REQUIRE(::waitpid(child, nullptr, 0) == child);
}

void die_of(int signal) {
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

}  // namespace

TEST_CASE("a store that is gone: the kernel marks the index when its keeper dies, by whatever death") {
  const shm::ObjectIndex index = make_index();
  const shm::Mapping page = read_page(index);
  CHECK_FALSE(word_of(page).gone());
  SECTION("killed") {
    sign_and(index, [](OwnerMark&) { ::raise(SIGKILL); });
    CHECK_FALSE(word_of(page).ended());
  }
  SECTION("a segmentation fault") {
    sign_and(index, [](OwnerMark&) { die_of(SIGSEGV); });
  }
  SECTION("by itself, without a word") {
    sign_and(index, [](OwnerMark&) { ::_exit(0); });
  }
  SECTION("an orderly stop, which stays one") {
    sign_and(index, [](OwnerMark& mark) { mark.end(); });
    CHECK(word_of(page).ended());
  }
  CHECK(word_of(page).gone());
  CHECK(word_of(page).gone_for_good());
}

TEST_CASE("a store that is gone: neither a server's death nor a check's is the keeper's") {
  const shm::ObjectIndex index = make_index();
  const shm::Mapping page = read_page(index);
  bool alive = false;
  const pid_t keeper = ::fork();
  REQUIRE(keeper >= 0);
  if (keeper == 0) {
    OwnerMark mark;
    if (!mark.sign(index.segment().fd())) ::_exit(1);
    const pid_t child = ::fork();
    if (child == 0) ::raise(SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::_exit(word_of(page).gone() ? 2 : 0);
  }
  int status = 0;
  REQUIRE(::waitpid(keeper, &status, 0) == keeper);
  alive = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  CHECK(alive);
  CHECK(word_of(page).gone());
}

TEST_CASE("a store that is gone: a keeper signs one store at a time") {
  const shm::ObjectIndex first = make_index();
  const shm::ObjectIndex second = make_index();
  sign_and(first, [&](OwnerMark& mark) {
    if (!mark.sign(second.segment().fd())) ::_exit(1);
    ::raise(SIGKILL);
  });
  CHECK_FALSE(word_of(read_page(first)).gone());  // no client was ever let in to it
  CHECK(word_of(read_page(second)).gone());
}

TEST_CASE("a store that is gone: an ended store is not signed, nor is what is no index") {
  shm::ObjectIndex index = make_index();
  index.end();
  OwnerMark mark;
  CHECK(mark.sign(index.segment().fd()).error().code == Errc::disconnected);
  CHECK(mark.ended());
  const shm::Segment nothing = shm::Segment::create("nothing", shm::kPageBytes).value();
  CHECK(mark.sign(nothing.fd()).error().code == Errc::protocol_error);
}

TEST_CASE("a keeper of an older version: a server refuses it in words") {
  auto [keeper, server] = KeeperLink::make_pair().value();
  REQUIRE(keeper.send(KeeperMessage::Kind::start, 0));
  const Result<Estate> estate = Estate::receive(std::move(server));
  REQUIRE_FALSE(estate);
  CHECK_THAT(estate.error().message, Catch::Contains("keeper") && Catch::Contains("stop doliumd and start it again"));
}
