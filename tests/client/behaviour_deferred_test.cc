// Deferred puts of every store: when an object becomes visible to which client, and how failures are reported. And
// ping().

#include "tests/client/store_under_test.h"

using namespace dolium;
using namespace dolium::test;

TEST_CASE("a deferred put is seen at once through its own store, and through others after flush") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  REQUIRE(outcome(store->put_deferred(id_of("a"), pattern(1000), {.metadata = bytes_of("meta"), .type_tag = 3})) ==
          "ok");
  const Object object = store->get_raw(id_of("a")).value();
  CHECK(same(object.data(), pattern(1000)));
  CHECK(text_of(object.metadata()) == "meta");
  CHECK(object.type_tag() == 3);
  CHECK(store->flush().value().empty());
  CHECK(same(store.other().get_raw(id_of("a")).value().data(), pattern(1000)));
}

TEST_CASE("flush returns the deferred puts that failed since the last flush, in order") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  CHECK(store->flush().value().empty());
  REQUIRE(outcome(store->put(id_of("a"), bytes_of("first"))) == "ok");
  REQUIRE(outcome(store->put_deferred(id_of("a"), bytes_of("again"))) == "ok");
  REQUIRE(outcome(store->put_deferred(id_of("b"), bytes_of("b"))) == "ok");
  REQUIRE(outcome(store->put_deferred(id_of("b"), bytes_of("again"))) == "ok");
  const std::vector<PutFailure> failures = store->flush().value();
  REQUIRE(failures.size() == 2);
  CHECK(failures[0].id == id_of("a"));
  CHECK(failures[1].id == id_of("b"));
  for (const PutFailure& failure : failures) CHECK(failure.error.code == Errc::already_exists);
  CHECK(text_of(store->get_raw(id_of("a")).value().data()) == "first");
  CHECK(text_of(store->get_raw(id_of("b")).value().data()) == "b");
  CHECK(store->flush().value().empty());
}

TEST_CASE("a deferred put with an invalid argument fails at once, and flush does not repeat it") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const std::string name(kMaxTypeName + 1, 'n');
  CHECK(outcome(store->put_deferred(id_of("a"), Bytes(kInlinePutLimit + 1))) == "too_large");
  CHECK(outcome(store->put_deferred(id_of("a"), Bytes(1), {.type_name = name})) == "too_large");
  CHECK(outcome(store->put_deferred(id_of("a"), Bytes(1), {.timeout = kPatience})) == "invalid_argument");
  CHECK(outcome(store->put_deferred(id_of("a"), Bytes(1), {.time_to_live = std::chrono::milliseconds(-1)})) ==
        "invalid_argument");
  CHECK(store->flush().value().empty());
  CHECK_FALSE(store->exists(id_of("a")).value());
}

TEST_CASE("failures of deferred puts are kept up to a limit, and none is lost") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  REQUIRE(outcome(store->put(id_of("a"), bytes_of("a"))) == "ok");
  std::size_t sent = 0;
  Result<void> put;
  while (sent < 100'000 && (put = store->put_deferred(id_of("a"), bytes_of("again"))))
    if (++sent % 1000 == 0) REQUIRE(outcome(store->ping()) == "ok");  // all earlier failures are known after it
  CHECK(outcome(put) == "out_of_memory");
  CHECK_THAT(put.error().message, Catch::Contains("flush()"));
  CHECK(store->flush().value().size() == sent);
  CHECK(outcome(store->put_deferred(id_of("b"), bytes_of("b"))) == "ok");
  CHECK(store->flush().value().empty());
}

TEST_CASE("an item with invalid options fails alone among many puts") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const std::string name(kMaxTypeName + 1, 'n');
  const Bytes bytes = pattern(100);
  const std::vector<PutItem> items = {{.id = id_of("a"), .data = bytes},
                                      {.id = id_of("b"), .data = bytes, .options = {.type_name = name}},
                                      {.id = id_of("d"), .data = bytes, .options = {.label = "\xff"}},
                                      {.id = id_of("c"), .data = bytes},
                                      {.id = id_of("a"), .data = bytes}};
  const std::vector<Result<void>> outcomes = store->put_many(items).value();
  REQUIRE(outcomes.size() == 5);
  CHECK(outcome(outcomes[0]) == "ok");
  CHECK(outcome(outcomes[1]) == "too_large");
  CHECK(outcome(outcomes[2]) == "invalid_argument");
  CHECK(outcome(outcomes[3]) == "ok");
  CHECK(outcome(outcomes[4]) == "already_exists");
  CHECK(store->stats().value().total_objects == 2);
}

TEST_CASE("ping succeeds while the store is there") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  CHECK(outcome(store->ping()) == "ok");
  CHECK(outcome(store.other().ping()) == "ok");
}
