// A store's reports about itself: statistics, metadata, lists, clients.

#include <unistd.h>

#include <algorithm>

#include "tests/client/store_under_test.h"

using namespace dolium;
using namespace dolium::test;

using Histogram = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

TEST_CASE("an empty store says so") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB - 1, .max_objects = 100});
  const StoreStats stats = store->stats().value();
  CHECK(stats.capacity == kMiB);  // whole pages
  CHECK(stats.free_bytes == kMiB);
  CHECK(stats.largest_free_extent == kMiB);
  CHECK(stats.max_objects == 100);
  CHECK(stats.client_count >= 1);
  for (const std::uint64_t none :
       {stats.total_objects,   stats.total_size,     stats.used_bytes,          stats.padding_bytes,
        stats.pinned_count,    stats.pinned_bytes,   stats.in_use_count,        stats.in_use_bytes,
        stats.unsealed_count,  stats.unsealed_bytes, stats.retired_count,       stats.retired_bytes,
        stats.evictable_bytes, stats.get_count,      stats.hit_count,           stats.miss_count,
        stats.put_count,       stats.eviction_count, stats.evicted_bytes,       stats.expired_count,
        stats.removed_count,   stats.aborted_count,  stats.out_of_memory_count, stats.waiting_gets,
        stats.waiting_creates})
    CHECK(none == 0);
  CHECK(stats.size_histogram.empty());
  CHECK(store->list().value().empty());
}

TEST_CASE("statistics are exact after a known history") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  // Object 0: pinned; 1: held twice; 2: removed while held; 3: plain, with metadata and a type name;
  // 4: removed; one aborted, one being written.
  put_numbered(*store, 0, 1, 1000, {.pinned = true});
  put_numbered(*store, 1, 2, 2000);
  const Bytes metadata = pattern(50);
  put_numbered(*store, 3, 1, 3000, {.metadata = metadata, .type_name = "name"});
  put_numbered(*store, 4, 1, 4000);
  const Object first = store->get_raw(id_of(1)).value();
  const Object again = store.other().get_raw(id_of(1)).value();
  const Object gone = store->get_raw(id_of(2)).value();
  REQUIRE(store->remove(id_of(2)).value());
  REQUIRE(store->remove(id_of(4)).value());
  CHECK(outcome(store->get_raw(id_of(4))) == "not_found");
  REQUIRE(outcome(store->create(id_of("aborted"), 100).value().abort()) == "ok");
  const ObjectBuilder unsealed = store->create(id_of("unsealed"), 500).value();
  CHECK(outcome(store->create(id_of("no room"), kMiB)) == "out_of_memory");

  const StoreStats stats = store->stats().value();
  CHECK(stats.total_objects == 3);
  CHECK(stats.total_size == 1000 + 2000 + 3050);
  CHECK(stats.size_histogram == Histogram{{1024, 1}, {4096, 2}});
  CHECK(stats.capacity == kMiB);
  CHECK(stats.used_bytes == 1024 + 2048 + 2048 + 3072 + 512);
  CHECK(stats.free_bytes == stats.capacity - stats.used_bytes);
  CHECK(stats.largest_free_extent <= stats.free_bytes);
  CHECK(stats.padding_bytes == 24 + 48 + 48 + (3072 - 3054) + 12);
  CHECK(stats.reserved_bytes >= stats.used_bytes);
  CHECK(stats.reserved_bytes <= stats.capacity);
  CHECK(stats.pinned_count == 1);
  CHECK(stats.pinned_bytes == 1024);
  CHECK(stats.in_use_count == 2);
  CHECK(stats.in_use_bytes == 4096);
  CHECK(stats.unsealed_count == 1);
  CHECK(stats.unsealed_bytes == 512);
  CHECK(stats.retired_count == 1);
  CHECK(stats.retired_bytes == 2048);
  CHECK(stats.evictable_bytes == 3072);
  CHECK(stats.hit_count == 3);
  CHECK(stats.miss_count == 1);
  CHECK(stats.get_count == 4);
  CHECK(stats.put_count == 5);
  CHECK(stats.eviction_count == 0);
  CHECK(stats.removed_count == 2);
  CHECK(stats.aborted_count == 1);
  CHECK(stats.out_of_memory_count == 1);
  CHECK(stats.client_count == store.client_count());
}

TEST_CASE("evictable bytes are what evict can free") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 10, 10'000);
  REQUIRE(outcome(store->pin(id_of(3))) == "ok");
  const Object held = store->get_raw(id_of(4)).value();
  const std::uint64_t evictable = store->stats().value().evictable_bytes;
  CHECK(evictable == 8 * 10'048);
  CHECK(store->evict(kMiB).value() == evictable);
  CHECK(store->stats().value().evictable_bytes == 0);
  CHECK(store->stats().value().evicted_bytes == evictable);
  CHECK(store->stats().value().eviction_count == 8);
}

TEST_CASE("the largest free extent is the largest object that fits without evicting anything") {
  OpenStore store =
      open_store(GENERATE(implementations()), {.capacity = kMiB, .relocation = false});  // what is pinned stays
  put_numbered(*store, 0, 8, kMiB / 8, {.pinned = true});
  CHECK(store->stats().value().largest_free_extent == 0);
  for (const std::size_t n : {1U, 4U, 5U}) REQUIRE(store->remove(id_of(n)).value());
  CHECK(store->stats().value().free_bytes == 3 * kMiB / 8);
  CHECK(store->stats().value().largest_free_extent == kMiB / 4);
  CHECK(outcome(store->create(id_of("too large"), kMiB / 4 + 1)) == "out_of_memory");
  CHECK(outcome(store->create(id_of("just right"), kMiB / 4)) == "ok");
}

TEST_CASE("the histogram counts objects by the size of their data") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const std::vector<std::size_t> sizes = {0, 1, 64, 65, 256, 257, 1024, 100'000};
  for (const std::size_t size : sizes) REQUIRE(outcome(store->put(id_of(size), pattern(size))) == "ok");
  CHECK(store->stats().value().size_histogram == Histogram{{64, 3}, {256, 2}, {1024, 2}, {262'144, 1}});
}

TEST_CASE("metadata tells all that the store knows of an object") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const auto before = ObjectMetadata::Clock::now() - std::chrono::seconds(1);
  const Bytes metadata = pattern(7);
  const CreateOptions options = {.metadata = metadata,
                                 .type_tag = 42,
                                 .type_name = "some.Type",
                                 .pinned = true,
                                 .time_to_live = std::chrono::hours(2),
                                 .time_to_idle = std::chrono::hours(1),
                                 .label = "some label"};
  ObjectBuilder builder = store->create(id_of("a"), 100, options).value();
  const ObjectMetadata unsealed = store.other().metadata(id_of("a")).value();
  CHECK(unsealed.state == ObjectState::unsealed);
  CHECK(unsealed.sealed_at == ObjectMetadata::Clock::time_point{});
  CHECK(unsealed.data_size == 100);
  CHECK(unsealed.time_to_live == std::chrono::hours(2));
  CHECK(unsealed.type_name == "some.Type");
  CHECK(unsealed.label == "some label");
  REQUIRE(outcome(builder.seal()) == "ok");

  const Object held = store->get_raw(id_of("a")).value();
  const ObjectMetadata sealed = store.other().metadata(id_of("a")).value();
  const auto after = ObjectMetadata::Clock::now() + std::chrono::seconds(1);
  CHECK(sealed.id == id_of("a"));
  CHECK(sealed.data_size == 100);
  CHECK(sealed.metadata_size == 7);
  CHECK(sealed.state == ObjectState::sealed);
  CHECK(sealed.ref_count == 1);
  CHECK(sealed.type_tag == 42);
  CHECK(sealed.type_name == "some.Type");
  CHECK(sealed.label == "some label");
  CHECK(sealed.is_pinned);
  CHECK(sealed.time_to_live == std::chrono::hours(2));
  CHECK(sealed.time_to_idle == std::chrono::hours(1));
  CHECK(sealed.creator_pid == ::getpid());
  CHECK(before <= sealed.created_at);
  CHECK(sealed.created_at <= sealed.sealed_at);
  CHECK(sealed.sealed_at <= sealed.last_accessed);
  CHECK(sealed.last_accessed <= after);
  CHECK(outcome(store->metadata(id_of("absent"))) == "not_found");
}

TEST_CASE("list names every object once, sealed or being written, and no removed one") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB, .max_objects = 10'000});
  constexpr std::size_t kObjects = 5000;  // more than one page of the walk
  put_numbered(*store, 0, kObjects, 10);
  const Object held = store->get_raw(id_of(7)).value();
  REQUIRE(store->remove(id_of(7)).value());
  REQUIRE(store->remove(id_of(8)).value());
  const ObjectBuilder unsealed = store->create(id_of("unsealed"), 10).value();
  std::vector<ObjectId> expected = {id_of("unsealed")};
  for (std::size_t n = 0; n < kObjects; ++n)
    if (n != 7 && n != 8) expected.push_back(id_of(n));
  std::vector<ObjectId> listed;
  const std::vector<ObjectMetadata> objects = store.other().list().value();
  for (const ObjectMetadata& object : objects) listed.push_back(object.id);
  std::ranges::sort(expected);
  std::ranges::sort(listed);
  CHECK(listed == expected);
}

TEST_CASE("list with a filter names the objects that pass it, over many pages") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = 4 * kMiB, .max_objects = 10'000});
  constexpr std::size_t kObjects = 5000;                                             // more than one page of the walk
  const std::string longest_label(kMaxLabel, 'l'), longest_name(kMaxTypeName, 'n');  // the largest page there can be
  for (std::size_t n = 0; n < kObjects; ++n)
    REQUIRE(outcome(store->put_deferred(
                id_of(n), {}, {.type_name = longest_name, .label = n % 1000 == 999 ? "kept/x" : longest_label})) ==
            "ok");
  REQUIRE(store->flush().value().empty());
  const ObjectBuilder unsealed = store->create(id_of("unsealed"), 10, {.label = "kept/y"}).value();
  const auto listed = [&](const ObjectFilter& filter) {
    std::vector<ObjectId> ids;
    for (const ObjectMetadata& object : store.other().list(filter).value()) ids.push_back(object.id);
    std::ranges::sort(ids);
    return ids;
  };
  std::vector<ObjectId> expected = {id_of(999), id_of(1999), id_of(2999), id_of(3999), id_of(4999)};
  std::ranges::sort(expected);
  CHECK(listed({.label_prefix = "kept/", .state = ObjectState::sealed}) == expected);
  CHECK(listed({}).size() == kObjects + 1);
  CHECK(listed({.label_prefix = "kept/"}).size() == 6);
  CHECK(listed({.state = ObjectState::unsealed}) == std::vector{id_of("unsealed")});
  CHECK(listed({.label_prefix = "kept/", .creator_pid = ::getpid()}).size() == 6);
  CHECK(listed({.creator_pid = 1}).empty());
  CHECK(listed({.label_prefix = "kept/z"}).empty());
}

TEST_CASE("labels arrive by every kind of put") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = 8 * kMiB});
  const auto label_of = [&](const char* name) { return store.other().metadata(id_of(name)).value().label; };
  const Bytes small = pattern(100), large = pattern(200 * kKiB), metadata = pattern(9, 1);
  const CreateOptions options = {.metadata = metadata, .type_name = "t", .label = "the label"};
  CreateOptions waiting = options;
  waiting.timeout = kPatience;
  REQUIRE(outcome(store->put(id_of("inline"), small, options)) == "ok");
  REQUIRE(outcome(store->put(id_of("large"), large, options)) == "ok");
  REQUIRE(outcome(store->put(id_of("waiting"), small, waiting)) == "ok");
  REQUIRE(outcome(store->put_deferred(id_of("deferred"), small, options)) == "ok");
  REQUIRE(outcome(store->flush()) == "ok");
  REQUIRE(store->put(id_of("typed"), 1.5, {.label = "the label"}).has_value());
  const std::vector<PutItem> items = {{id_of("first"), small, options}, {id_of("second"), large, options}};
  for (const auto& done : store->put_many(items).value()) REQUIRE(outcome(done) == "ok");
  for (const char* name : {"inline", "large", "waiting", "deferred", "typed", "first", "second"}) {
    INFO(name);
    CHECK(label_of(name) == "the label");
  }
  for (const char* name : {"inline", "large", "waiting", "deferred", "first", "second"}) {
    INFO(name);
    CHECK(store->metadata(id_of(name)).value().type_name == "t");
    CHECK(same(store->get_raw(id_of(name)).value().metadata(), metadata));
  }
}

TEST_CASE("clients tells who holds what") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  put_numbered(*store, 0, 3, 1000);
  const Object held = store->get_raw(id_of(0)).value();
  const Object copy = held;
  const Object removed = store->get_raw(id_of(1)).value();
  REQUIRE(store->remove(id_of(1)).value());
  static_cast<void>(store->get_raw(id_of("absent")));
  const ObjectBuilder unsealed = store->create(id_of("unsealed"), 100).value();
  const std::vector<ClientInfo> clients = store->clients().value();
  const auto self = std::ranges::find(clients, 3U, &ClientInfo::references);
  REQUIRE(self != clients.end());
  CHECK(self->session_id != 0);
  CHECK(self->pid == ::getpid());
  CHECK(self->uid == ::getuid());
  CHECK_FALSE(self->command.empty());
  CHECK_FALSE(self->user.empty());
  CHECK(self->access == Access::read_write);
  CHECK(self->objects_held == 2);
  CHECK(self->bytes_held == 2048);
  CHECK(self->unsealed_count == 1);
  CHECK(self->unsealed_bytes == 128);
  CHECK(self->hits == 2);
  CHECK(self->misses == 1);
  CHECK(self->waiting_gets == 0);
  CHECK(self->waiting_creates == 0);
  CHECK_FALSE(self->quarantined);
}

TEST_CASE("an InProcessStore refuses a config that makes no sense") {
  CHECK(outcome(InProcessStore::open({.capacity = 0})) == "invalid_argument");
  CHECK(outcome(InProcessStore::open({.capacity = UINT64_MAX})) == "invalid_argument");
  CHECK(outcome(InProcessStore::open({.capacity = kMiB, .max_objects = UINT32_MAX})) == "invalid_argument");
  CHECK(outcome(InProcessStore::open({.capacity = kMiB, .low_water_mark = 0.51})) == "invalid_argument");
  CHECK(outcome(InProcessStore::open({.capacity = kMiB, .low_water_mark = -0.1})) == "invalid_argument");
  CHECK(outcome(InProcessStore::open({.capacity = kMiB, .preallocate = true, .prefault = false})) == "ok");
}
