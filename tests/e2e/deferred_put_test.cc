// Deferred puts: they do not block, all clients see their objects, and no failure is lost.

#include <catch2/catch.hpp>

#include "tests/client/store_under_test.h"
#include "tests/e2e/daemon_fixture.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

TEST_CASE("a deferred put is seen by its writer at once, and by others without a flush") {
  Daemon daemon({"--capacity=16MiB"});
  const bool rings = GENERATE(true, false);
  CAPTURE(rings);
  const auto writer = daemon.connect({.rings = rings});
  const auto reader = daemon.connect();
  for (std::size_t i = 0; i < 3000; ++i) {
    REQUIRE(writer->put_deferred(id_of(i), pattern(i % 3000, static_cast<std::uint32_t>(i)), {.type_tag = i}));
    if (i % 100 == 0) {
      CHECK(writer->exists(id_of(i)).value());
      CHECK(same(writer->get_raw(id_of(i)).value().data(), pattern(i % 3000, static_cast<std::uint32_t>(i))));
    }
    if (i % 100 == 50) {
      const std::vector<ObjectId> both = {id_of(i), id_of("nothing")};
      const auto found = writer->get_many(both).value();
      CHECK(found[0].has_value());
      CHECK_FALSE(found[1].has_value());
    }
  }
  const Object last = reader->get_raw(id_of(2999), kPatience).value();
  CHECK(last.type_tag() == 2999);
  CHECK(writer->flush().value().empty());
  CHECK(reader->stats().value().total_objects == 3000);
  CHECK_FALSE(writer->exists(id_of("nothing")).value());
}

TEST_CASE("flush tells which deferred puts failed, in order and once") {
  Daemon daemon({"--capacity=1MiB"});
  const auto writer = daemon.connect();
  REQUIRE(daemon.connect()->put(id_of("a"), bytes_of("theirs"), {.pinned = true}));
  REQUIRE(writer->put_deferred(id_of("a"), bytes_of("ours")));
  REQUIRE(writer->put_deferred(id_of("b"), bytes_of("b")));
  REQUIRE(writer->put_deferred(id_of("b"), bytes_of("again")));
  const std::vector<PutFailure> failures = writer->flush().value();
  REQUIRE(failures.size() == 2);
  CHECK(failures[0].id == id_of("a"));
  CHECK(failures[1].id == id_of("b"));
  for (const PutFailure& failure : failures) {
    CHECK(failure.error.code == Errc::already_exists);
    CHECK_THAT(failure.error.message, Catch::Contains(failure.id.hex()));
  }
  CHECK(writer->flush().value().empty());
  CHECK(text_of(writer->get_raw(id_of("a")).value().data()) == "theirs");
  CHECK(text_of(writer->get_raw(id_of("b")).value().data()) == "b");
}

TEST_CASE("what a deferred put cannot do is said at once") {
  Daemon daemon;
  const auto writer = daemon.connect();
  CHECK(outcome(writer->put_deferred(id_of("a"), Bytes(kInlinePutLimit + 1))) == "too_large");
  CHECK(outcome(writer->put_deferred(id_of("a"), Bytes(1), {.timeout = std::chrono::seconds(1)})) ==
        "invalid_argument");
  CHECK(outcome(writer->put_deferred(id_of("a"), Bytes(1), {.time_to_live = std::chrono::milliseconds(-1)})) ==
        "invalid_argument");
  const auto reader = daemon.connect({.access = Access::read_only});
  CHECK(outcome(reader->put_deferred(id_of("a"), Bytes(1))) == "permission_denied");
  CHECK(writer->flush().value().empty());
  CHECK_FALSE(writer->exists(id_of("a")).value());
}

TEST_CASE("failures that nobody takes are bounded, and none is lost") {
  Daemon daemon;
  const auto writer = daemon.connect();
  REQUIRE(writer->put(id_of("a"), bytes_of("a")));
  std::size_t sent = 0;
  Result<void> put;
  while (sent < 100'000 && (put = writer->put_deferred(id_of("a"), bytes_of("again")))) {
    // A round trip now and then: what failed before it is known then.
    if (++sent % 1000 == 0) CHECK_FALSE(writer->exists(id_of("b")).value());
  }
  CHECK(outcome(put) == "out_of_memory");
  CHECK(writer->flush().value().size() == sent);
  CHECK(writer->put_deferred(id_of("b"), bytes_of("b")));
  CHECK(writer->flush().value().empty());
}

TEST_CASE("a deferred put after the daemon's death is disconnected") {
  Daemon daemon;
  const auto writer = daemon.connect();
  CHECK(daemon.kill() == "signal 9");
  // The first may still find room in memory that nobody reads any more.
  CHECK(eventually([&] { return outcome(writer->put_deferred(ObjectId::random(), Bytes(10'000))) == "disconnected"; }));
  CHECK(outcome(writer->flush()) == "disconnected");
}
