// wait(): which of many objects are there, as soon as enough of them are.

#include <future>

#include "tests/client/store_under_test.h"

using namespace dolium;
using namespace dolium::test;

namespace {

std::vector<ObjectId> ids_to(std::size_t count) {
  std::vector<ObjectId> ids;
  for (std::size_t n = 0; n < count; ++n) ids.push_back(id_of(n));
  return ids;
}

auto begin_wait(ObjectStore& store, std::size_t ids, std::size_t count, Timeout timeout = kPatience) {
  return std::async(std::launch::async,
                    [&store, ids, count, timeout] { return store.wait(ids_to(ids), count, timeout).value(); });
}

}  // namespace

TEST_CASE("wait answers at once when enough objects are there, and tells which") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 1, 100);
  put_numbered(*store, 2, 1, 100);
  for (ObjectStore* client : {&*store, &store.other()}) {
    CHECK(client->wait(ids_to(4), 1, wait_forever).value() == std::vector{true, false, true, false});
    CHECK(client->wait(ids_to(4), 2, wait_forever).value() == std::vector{true, false, true, false});
    CHECK(client->wait(ids_to(4), 3).value() == std::vector{true, false, true, false});  // fewer: no error
    CHECK(client->wait(ids_to(4), 4, kShortly).value() == std::vector{true, false, true, false});
  }
}

TEST_CASE("wait ends with the seal that makes enough") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  auto waiting = begin_wait(*store, 4, 2);
  REQUIRE(gets_wait(*store, 1));
  put_numbered(store.other(), 3, 1, 100);
  CHECK(store->stats().value().waiting_gets == 1);
  ObjectBuilder builder = store.other().create(id_of(1), 100).value();
  CHECK(store->stats().value().waiting_gets == 1);  // an object that is being written is not there
  REQUIRE(outcome(builder.seal()) == "ok");
  CHECK(waiting.get() == std::vector{false, true, false, true});
  CHECK(store->stats().value().waiting_gets == 0);
}

TEST_CASE("wait holds nothing: an object that was seen can be removed, and still counts") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  auto waiting = begin_wait(*store, 3, 2);
  REQUIRE(gets_wait(*store, 1));
  put_numbered(store.other(), 0, 1, 100);
  CHECK(store->metadata(id_of(0)).value().ref_count == 0);
  CHECK(store.other().remove(id_of(0)).value());
  CHECK(store->stats().value().used_bytes == 0);
  put_numbered(store.other(), 2, 1, 100);
  CHECK(waiting.get() == std::vector{true, false, true});
  CHECK(store->stats().value().hit_count == 0);
  CHECK(store->stats().value().miss_count == 0);
}

TEST_CASE("wait refuses an id that occurs twice, and a count that cannot be") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const std::vector<ObjectId> twice = {id_of(0), id_of(1), id_of(0)};
  const Result<std::vector<bool>> refused = store->wait(twice, 1);
  CHECK(outcome(refused) == "invalid_argument");
  CHECK_THAT(refused.error().message, Catch::Contains(id_of(0).hex()));
  CHECK(outcome(store->wait(ids_to(2), 0)) == "invalid_argument");
  CHECK(outcome(store->wait(ids_to(2), 3)) == "invalid_argument");
  CHECK(outcome(store->wait({}, 1)) == "invalid_argument");
  CHECK(outcome(store->wait(ids_to(ObjectStore::kMaxWaitIds + 1), 1)) == "invalid_argument");
  CHECK(store->wait(ids_to(ObjectStore::kMaxWaitIds), 1, kShortly).value() ==
        std::vector<bool>(ObjectStore::kMaxWaitIds));
}

TEST_CASE("wait sees deferred puts of its own store") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  REQUIRE(outcome(store->put_deferred(id_of(1), pattern(100))) == "ok");
  CHECK(store->wait(ids_to(3), 1).value() == std::vector{false, true, false});
}
