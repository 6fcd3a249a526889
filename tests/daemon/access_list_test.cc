// Names are resolved to ids, with users and groups that every Debian has; and the resulting access rights.

#include "daemon/server/access_list.h"

#include <grp.h>
#include <pwd.h>

#include <catch2/catch.hpp>

namespace dolium::daemon {
namespace {

using List = std::vector<std::string>;
constexpr uid_t kOwn = 500;
constexpr uid_t kAlice = 1001;
constexpr uid_t kBob = 1002;
constexpr gid_t kUsers = 2001;
constexpr gid_t kStaff = 2002;

AccessList resolved(const List& readers, const List& writers) {
  return AccessList::resolve(readers, writers, kOwn).value();
}

}  // namespace

TEST_CASE("empty lists let in root and the daemon's own user only") {
  const AccessList list = resolved({}, {});
  CHECK(list.decide(0, 0, {}) == Permission::read_write);
  CHECK(list.decide(kOwn, kUsers, {}) == Permission::read_write);
  CHECK(list.decide(kAlice, kUsers, {}) == Permission::none);
  CHECK(list.decide(kAlice, 0, {}) == Permission::none);
}

TEST_CASE("users are listed by number") {
  const AccessList list = resolved({"1001"}, {"1002"});
  CHECK(list.decide(kAlice, kUsers, {}) == Permission::read_only);
  CHECK(list.decide(kBob, kUsers, {}) == Permission::read_write);
  CHECK(list.decide(1003, kUsers, {}) == Permission::none);
}

TEST_CASE("who is on both lists may write") {
  const AccessList list = resolved({"1001", "@2002"}, {"1001"});
  CHECK(list.decide(kAlice, kUsers, {}) == Permission::read_write);
  CHECK(list.decide(kAlice, kStaff, {}) == Permission::read_write);
  CHECK(list.decide(kBob, kStaff, {}) == Permission::read_only);
}

TEST_CASE("groups count, first or supplementary") {
  const AccessList list = resolved({"@2001"}, {"@2002"});
  const std::vector<gid_t> both = {5, kStaff, kUsers};
  CHECK(list.decide(kAlice, kUsers, {}) == Permission::read_only);
  CHECK(list.decide(kAlice, 5, {{kUsers}}) == Permission::read_only);
  CHECK(list.decide(kAlice, kUsers, both) == Permission::read_write);
  CHECK(list.decide(kUsers, 5, {}) == Permission::none);  // a user whose number is the group's
}

TEST_CASE("a star is anyone, for what its list allows") {
  const AccessList readable = resolved({"*"}, {"1002"});
  CHECK(readable.decide(kAlice, kUsers, {}) == Permission::read_only);
  CHECK(readable.decide(kBob, kUsers, {}) == Permission::read_write);
  CHECK(resolved({}, {"*"}).decide(kAlice, kUsers, {}) == Permission::read_write);
}

TEST_CASE("names are looked up") {
  const passwd* nobody = ::getpwnam("nobody");
  REQUIRE(nobody != nullptr);
  const uid_t nobody_uid = nobody->pw_uid;
  const group* daemon = ::getgrnam("daemon");
  REQUIRE(daemon != nullptr);
  const gid_t daemon_gid = daemon->gr_gid;

  const AccessList list = resolved({"nobody"}, {"@daemon"});
  CHECK(list.decide(nobody_uid, kUsers, {}) == Permission::read_only);
  CHECK(list.decide(nobody_uid, daemon_gid, {}) == Permission::read_write);
  CHECK(resolve_group("daemon").value() == daemon_gid);
  CHECK(resolve_group("12345").value() == 12345);
}

TEST_CASE("an unknown name is an error that names list and entry") {
  const auto error = [](const List& readers, const List& writers) {
    const Result<AccessList> list = AccessList::resolve(readers, writers, kOwn);
    return list ? "no error" : list.error().message;
  };
  CHECK(error({"root", "nosuchuser"}, {}) == "readers: this machine has no user \"nosuchuser\"");
  CHECK(error({}, {"@nosuchgroup"}) == "writers: this machine has no group \"nosuchgroup\"");
  CHECK(error({"@*"}, {}) == "readers: this machine has no group \"*\"");
  CHECK(error({"@"}, {}) == "readers: this machine has no group \"\"");
  CHECK(error({"4294967295"}, {}) == "readers: this machine has no user \"4294967295\"");
  CHECK(error({"-1"}, {}) == "readers: this machine has no user \"-1\"");
}

// In a user namespace that does not map all ids, 65534 stands for any of the others.

TEST_CASE("uids of user namespaces: an overflow id is nobody's, not even that of a daemon that runs as nobody") {
  constexpr std::uint32_t kNobody = 65534;
  const protocol::IdMaps in_a_namespace{protocol::IdMap(kNobody, false), protocol::IdMap(kNobody, false)};
  const AccessList list = AccessList::resolve({}, {}, kNobody, in_a_namespace).value();
  CHECK(list.decide(kNobody, kUsers, {}) == Permission::none);
  CHECK_FALSE(list.is_owner(kNobody));
  CHECK(list.decide(0, 0, {}) == Permission::read_write);
  CHECK(list.is_owner(0));
  const AccessList on_the_host = AccessList::resolve({}, {}, kNobody, protocol::IdMaps()).value();
  CHECK(on_the_host.decide(kNobody, kUsers, {}) == Permission::read_write);
  CHECK(on_the_host.is_owner(kNobody));

  const List star = {"*"};
  CHECK(AccessList::resolve(star, {}, kOwn, in_a_namespace)->decide(kNobody, kUsers, {}) == Permission::read_only);
  for (const char* entry : {"65534", "@65534"}) {
    const List entries = {entry};
    const auto refused = AccessList::resolve({}, entries, kOwn, in_a_namespace);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::invalid_argument);
    CHECK_THAT(refused.error().message, Catch::StartsWith("writers: " + entries.front() + " is number 65534"));
    CHECK(AccessList::resolve({}, entries, kOwn, protocol::IdMaps()));
  }
}

}  // namespace dolium::daemon
