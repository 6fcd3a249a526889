// Graces: an object is kept for readers that are about to come, whatever call made it, and whatever is put meanwhile.

#include <functional>

#include "tests/client/store_under_test.h"

using namespace dolium;
using namespace dolium::test;
using std::chrono::milliseconds;
using std::chrono::minutes;

namespace {

constexpr std::size_t kSize = 16 * kKiB;
constexpr std::size_t kFirstOthers = 1000;

/// Twice as much as fits.
void refill(ObjectStore& store, std::size_t first = kFirstOthers) {
  put_numbered(store, first, 2 * kMiB / kSize, kSize);
}

struct Way {
  const char* name;
  std::function<Result<void>(ObjectStore&, const ObjectId&, const CreateOptions&)> put;
};

Result<void> done(const Result<ObjectId>& sealed) {
  return sealed ? Result<void>() : Result<void>(sealed.error());
}

/// All ways to make an object.
std::vector<Way> ways() {
  return {
      {"put", [](ObjectStore& store, const ObjectId& id,
                 const CreateOptions& options) { return store.put(id, pattern(kSize), options); }},
      {"a put that waits for room",
       [](ObjectStore& store, const ObjectId& id, CreateOptions options) {
         options.timeout = kPatience;
         return store.put(id, pattern(kSize), options);
       }},
      {"create and seal",
       [](ObjectStore& store, const ObjectId& id, const CreateOptions& options) {
         Result<ObjectBuilder> builder = store.create(id, kSize, options);
         return builder ? done(builder->seal()) : Result<void>(builder.error());
       }},
      {"put of a value",
       [](ObjectStore& store, const ObjectId& id, const CreateOptions& options) -> Result<void> {
         const auto held = store.put(id, std::vector<double>(kSize / sizeof(double)), options);
         return held ? Result<void>() : Result<void>(held.error());
       }},
      {"put_many",
       [](ObjectStore& store, const ObjectId& id, const CreateOptions& options) {
         const Bytes bytes = pattern(kSize);
         const std::vector<PutItem> items = {{id, bytes, options}};
         return store.put_many(items).value().front();
       }},
      {"put_deferred",
       [](ObjectStore& store, const ObjectId& id, const CreateOptions& options) -> Result<void> {
         if (auto put = store.put_deferred(id, pattern(kSize), options); !put) return put;
         for (const PutFailure& failure : store.flush().value()) return failure.error;
         return {};
       }},
      {"create_async",
       [](ObjectStore& store, const ObjectId& id, const CreateOptions& options) -> Result<void> {
         std::optional<Result<void>> outcome;
         store.create_async(id, kSize, options, [&](Result<ObjectBuilder> builder) {
           outcome = builder ? done(builder->seal()) : Result<void>(builder.error());
         });
         REQUIRE(run_until(store, [&] { return outcome.has_value(); }));
         return *outcome;
       }},
  };
}

}  // namespace

TEST_CASE("an object in a grace is there until another client has got it, however it was put") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB, .eviction_policy = EvictionPolicy::lru});
  for (const Way& way : ways()) {
    INFO(way.name);
    REQUIRE(outcome(store->clear()) == "ok");
    REQUIRE(outcome(way.put(*store, id_of(1), {.grace = minutes(10)})) == "ok");
    refill(store.other());
    const ObjectMetadata about = store.other().metadata(id_of(1)).value();
    CHECK(about.grace_readers_left == 1);
    CHECK(about.grace_left > minutes(9));
    CHECK(about.grace_left <= minutes(10));
    CHECK(store->stats().value().graced_count == 1);
    CHECK(store.other().get_raw(id_of(1)).value().data().size() >= kSize);
    CHECK(store.other().metadata(id_of(1)).value().grace_left == milliseconds(0));
    CHECK(store->stats().value().graced_count == 0);
    refill(store.other(), 2 * kFirstOthers);
    CHECK_FALSE(store->exists(id_of(1)).value());
  }
}

TEST_CASE("objects that are put in leases have their graces") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  constexpr std::size_t kCount = 300;
  for (std::size_t n = 0; n < kCount; ++n)
    REQUIRE(outcome(store->put_deferred(id_of(n), pattern(kKiB), {.grace = minutes(1)})) == "ok");
  REQUIRE(store->flush().value().empty());
  refill(store.other());
  CHECK(present(store.other(), kCount).size() == kCount);
  std::vector<ObjectId> ids;
  for (std::size_t n = 0; n < kCount; ++n) ids.push_back(id_of(n));
  REQUIRE(store.other().get_many(ids).value().size() == kCount);
  CHECK(store->stats().value().graced_count == 0);
}

TEST_CASE("what nobody has got is evicted when its grace's time has passed; until then a create waits") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 1, kMiB, {.grace = milliseconds(50)});
  CHECK(outcome(store.other().put(id_of(1), pattern(kMiB), {.timeout = kPatience})) == "ok");
  CHECK_FALSE(store->exists(id_of(0)).value());
}

TEST_CASE("a create that a grace is in the way of says so") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 1, kMiB, {.grace = minutes(1)});
  const Result<void> refused = store.other().put(id_of(1), pattern(kKiB));
  CHECK(outcome(refused) == "out_of_memory");
  CHECK_THAT(refused.error().message, Catch::Contains("1 MiB in a grace"));
  CHECK(store->evict(kMiB).value() == 0);
  CHECK(store->stats().value().graced_bytes == kMiB);
  CHECK(store->remove(id_of(0)).value());
  CHECK(outcome(store.other().put(id_of(1), pattern(kKiB))) == "ok");
}

TEST_CASE("extend_grace keeps an object that another client had got before") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB, .eviction_policy = EvictionPolicy::lru});
  put_numbered(*store, 0, 1, kSize);
  REQUIRE(store.other().get_raw(id_of(0)));
  REQUIRE(outcome(store->extend_grace(id_of(0), minutes(1))) == "ok");
  CHECK(store->metadata(id_of(0)).value().grace_readers_left == 1);
  refill(store.other());
  REQUIRE(store.other().get_raw(id_of(0)));
  refill(store.other(), 2 * kFirstOthers);
  CHECK_FALSE(store->exists(id_of(0)).value());
}

TEST_CASE("extend_grace says why it fails") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB, .max_pinned_bytes_per_user = kSize});
  CHECK(outcome(store->extend_grace(id_of(0), minutes(1))) == "not_found");
  const ObjectBuilder builder = store->create(id_of(1), 10).value();
  CHECK(outcome(store->extend_grace(id_of(1), minutes(1))) == "not_sealed");
  put_numbered(*store, 2, 1, 2 * kSize);
  CHECK(outcome(store->extend_grace(id_of(2), minutes(1))) == "out_of_memory");
  put_numbered(*store, 3, 1, kSize);
  CHECK(outcome(store->extend_grace(id_of(3), minutes(1))) == "ok");
  CHECK(outcome(store->pin(id_of(3))) == "ok");  // its bytes count once
  CHECK_THAT(store->extend_grace(id_of(3), milliseconds(0)).error().message, Catch::Contains("above 0"));
  CHECK_THAT(store->extend_grace(id_of(3), milliseconds(-1)).error().message, Catch::Contains("negative grace"));
  CHECK_THAT(store->extend_grace(id_of(3), minutes(61)).error().message, Catch::Contains("one hour is the limit"));
  CHECK_THAT(store->extend_grace(id_of(3), minutes(1), 0).error().message, Catch::Contains("0 readers"));
}

TEST_CASE("graces that make no sense are refused by every call that makes an object") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  for (const Way& way : ways()) {
    INFO(way.name);
    const auto why = [&](const CreateOptions& options) { return way.put(*store, id_of(1), options).error(); };
    for (const CreateOptions& wrong : {CreateOptions{.grace = milliseconds(-1)},
                                       {.grace = minutes(61)},
                                       {.grace = minutes(1), .grace_readers = 0},
                                       {.grace_readers = 2}})
      CHECK(why(wrong).code == Errc::invalid_argument);
    CHECK_THAT(why({.grace_readers = 2}).message, Catch::Contains("but no grace"));
  }
  CHECK(store->stats().value().total_objects == 0);
}

TEST_CASE("clients() tells whose graces keep objects") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 3, kSize, {.grace = minutes(1)});
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
  for (const ClientInfo& client : store->clients().value()) {
    count += client.graced_count;
    bytes += client.graced_bytes;
  }
  CHECK(count == 3);
  CHECK(bytes == 3 * kSize);
}
