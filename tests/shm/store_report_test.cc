// What the store says of itself: who holds an object, why there was no room, and what a client has had for how long.

#include "shm/store/create_waits.h"
#include "shm/store/engine.h"
#include "tests/shm/store_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {

constexpr std::uint64_t kHalf = kMiB / 2;

struct ReportFixture : StoreFixture {
  ObjectMetadata metadata(std::uint64_t number) {
    return store.report().metadata(id_of(number), {now, std::chrono::system_clock::time_point{}}).value();
  }
  /// A create that must be refused, and what is remembered of it.
  Refusal refused(std::uint64_t number, std::uint64_t size, ClientId client) {
    const NewObject object{.id = id_of(number), .data_size = size};
    const Result<Placement> placed = store.create_object(client, object, now);
    REQUIRE_FALSE(placed);
    store.room().note_refusal(client, object, placed.error(), now);
    return store.stats(now).last_refusal.value();
  }
};

}  // namespace

TEST_CASE("an object's holders are told by name, most references first") {
  ReportFixture fixture;
  const ClientIdentity python{.pid = 5, .uid = 1000, .command = "python3", .name = "loader"};
  TestClient one = fixture.client();
  TestClient other(fixture.store, fixture.store.attach(python, fixture.now).value());
  fixture.put(0, 1000);
  CHECK(fixture.metadata(0).holders.empty());
  const Held first = one.hold(id_of(0));
  const Held second = other.hold(id_of(0)), third = other.hold(id_of(0));
  const std::vector<ClientUse> holders = fixture.metadata(0).holders;
  REQUIRE(holders.size() == 2);
  CHECK(holders[0] == ClientUse{.session_id = other.id(),
                                .pid = 5,
                                .command = "python3",
                                .name = "loader",
                                .references = 2,
                                .bytes_held = 1024,
                                .unsealed_bytes = 0});
  CHECK(holders[1].session_id == one.id());
  std::vector<ObjectMetadata> listed;
  CHECK(fixture.store.report().list(0, {fixture.now, {}}, listed) == 0);
  CHECK(listed.at(0).holders.empty());
  one.release(first);
  other.release(second);
  other.release(third);
}

TEST_CASE("a list has only the objects that pass its filter") {
  ReportFixture fixture;
  const ClientId other = fixture.store.attach({.pid = 4'000'000, .uid = 1000}, fixture.now).value();
  fixture.put({.id = id_of(0), .data_size = 1, .type_tag = 5, .type_name = "f64", .label = "epoch-1/loss"});
  fixture.put({.id = id_of(1), .data_size = 1, .type_tag = 6, .label = "epoch-1"});
  fixture.put({.id = id_of(2), .data_size = 1, .type_name = "f64[]", .label = "epoch-2/loss"});
  REQUIRE(fixture.store.create_object(other, {.id = id_of(3), .data_size = 1, .label = "epoch-1/draft"}, fixture.now));
  fixture.put(4, 10);
  const auto listed = [&](const ObjectFilter& filter) {
    std::vector<ObjectMetadata> out;
    REQUIRE(fixture.store.report().list(0, {fixture.now, {}}, out, filter) == 0);
    std::vector<ObjectId> ids;
    for (const ObjectMetadata& object : out) ids.push_back(object.id);
    return ids;
  };
  using Ids = std::vector<ObjectId>;
  CHECK(listed({}) == Ids{id_of(0), id_of(1), id_of(2), id_of(3), id_of(4)});
  CHECK(listed({.label_prefix = "epoch-1"}) == Ids{id_of(0), id_of(1), id_of(3)});
  CHECK(listed({.label_prefix = "epoch-1/"}) == Ids{id_of(0), id_of(3)});
  CHECK(listed({.label_prefix = "epoch-1/loss and more"}).empty());
  CHECK(listed({.label_prefix = std::string(1000, 'e')}).empty());
  CHECK(listed({.type_name = "f64"}) == Ids{id_of(0)});
  CHECK(listed({.type_name = "0000000000000006"}) == Ids{id_of(1)});
  CHECK(listed({.type_name = "0000000000000005"}).empty());  // it has a name
  CHECK(listed({.type_name = "0000000000000000"}).empty());  // raw bytes have no type
  CHECK(listed({.state = ObjectState::unsealed}) == Ids{id_of(3)});
  CHECK(listed({.label_prefix = "epoch", .state = ObjectState::sealed}) == Ids{id_of(0), id_of(1), id_of(2)});
  CHECK(listed({.creator_pid = 4'000'000}) == Ids{id_of(3)});
  CHECK(listed({.creator_pid = 77}) == Ids{id_of(0), id_of(1), id_of(2), id_of(4)});
  CHECK(listed({.creator_pid = -1}).empty());
  CHECK(listed({.creator_pid = (1 << 24) + 77}).empty());
  CHECK(listed({.type_name = "f64", .creator_pid = 4'000'000}).empty());
}

TEST_CASE("an object's creator is known by name while it is connected") {
  ReportFixture fixture;
  const ClientId maker = fixture.store.attach({.pid = 5, .uid = 1000, .command = "maker"}, fixture.now).value();
  REQUIRE(fixture.store.create_object(maker, {.id = id_of(0), .data_size = 10}, fixture.now).has_value());
  REQUIRE(fixture.store.seal(maker, id_of(0), fixture.now).has_value());
  CHECK(fixture.metadata(0).creator_command == "maker");
  fixture.store.detach(maker, fixture.now);
  CHECK(fixture.metadata(0).creator_command.empty());
  CHECK(fixture.metadata(0).creator_pid == 5);
}

TEST_CASE("a refusal is remembered with who wanted what, and who had the memory") {
  ReportFixture fixture;
  CHECK_FALSE(fixture.store.stats(fixture.now).last_refusal.has_value());
  TestClient holder = fixture.client();
  fixture.put(0, kHalf);
  holder.hold(id_of(0));  // until the holder is gone
  REQUIRE(fixture.create(1, kMiB / 4).has_value());
  const Refusal refusal = fixture.refused(2, kHalf, holder.id());
  CHECK(refusal.id == id_of(2));
  CHECK(refusal.size == kHalf);
  CHECK(refusal.code == Errc::out_of_memory);
  CHECK(refusal.reason.starts_with("no room for 512 KiB in one piece"));
  CHECK(refusal.by.session_id == holder.id());
  CHECK(refusal.free_bytes == kMiB / 4);
  CHECK(refusal.largest_free_extent == kMiB / 4);
  REQUIRE(refusal.holders.size() == 2);
  CHECK(refusal.holders[0].session_id == holder.id());
  CHECK(refusal.holders[0].bytes_held == kHalf);
  CHECK(refusal.holders[1].session_id == fixture.writer);
  CHECK(refusal.holders[1].unsealed_bytes == kMiB / 4);

  // Time passes, the holder goes: what is remembered stays.
  fixture.store.detach(holder.id(), fixture.now);
  fixture.now += 3 * kSecond;
  const Refusal later = fixture.store.stats(fixture.now).last_refusal.value();
  CHECK(later.ago == std::chrono::seconds(3));
  CHECK(later.holders == refusal.holders);
}

TEST_CASE("refusals in quick succession look for holders once") {
  ReportFixture fixture;
  fixture.put({.id = id_of(0), .data_size = kMiB, .pinned = true});
  CHECK(fixture.refused(1, kHalf, fixture.writer).holders.empty());
  TestClient holder = fixture.client();
  const Held held = holder.hold(id_of(0));
  fixture.now += Refusals::kSearchRest - 1;
  CHECK(fixture.refused(2, kHalf, fixture.writer).holders.empty());
  CHECK(fixture.store.stats(fixture.now).last_refusal->id == id_of(2));
  fixture.now += 1;
  CHECK(fixture.refused(3, kHalf, fixture.writer).holders.size() == 1);
  holder.release(held);
}

TEST_CASE("what is no want of room is not remembered as one") {
  ReportFixture fixture;
  fixture.put(0, 10);
  const NewObject again{.id = id_of(0), .data_size = 10};
  fixture.store.room().note_refusal(fixture.writer, again, {Errc::already_exists, "it is there"}, fixture.now);
  CHECK_FALSE(fixture.store.stats(fixture.now).last_refusal.has_value());
  CHECK(fixture.refused(1, kMiB + 1, fixture.writer).code == Errc::too_large);
}

TEST_CASE("a create that waited in vain is remembered at its deadline") {
  ReportFixture fixture;
  CreateWaits waits(fixture.store);
  fixture.put({.id = id_of(0), .data_size = kMiB, .pinned = true});
  const std::string name(40, 'n');  // longer than what a string keeps within itself
  waits.add({fixture.writer, 1}, {.id = id_of(1), .data_size = 10, .type_name = name}, fixture.now + kSecond,
            fixture.now, [](const Result<Placement>& placed) { CHECK(outcome(placed) == "timed_out"); });
  fixture.now += kSecond;
  waits.tick(fixture.now);
  const Refusal refusal = fixture.store.stats(fixture.now).last_refusal.value();
  CHECK(refusal.code == Errc::timed_out);
  CHECK(refusal.size == 10 + name.size());
  CHECK(refusal.ago == std::chrono::milliseconds(0));
}

TEST_CASE("a client's oldest claims are told by their age") {
  ReportFixture fixture;
  TestClient reader = fixture.client();
  fixture.put(0, 10);
  fixture.put(1, 10);
  REQUIRE(fixture.create(2, 10).has_value());
  fixture.now += kSecond;
  const Held old = reader.get(id_of(0), fixture.now);
  fixture.now += kSecond;
  const Held young = reader.get(id_of(1), fixture.now);
  fixture.now += kSecond;
  CHECK(fixture.store.report().client_info(reader.id(), fixture.now).longest_held == std::chrono::seconds(2));
  CHECK(fixture.store.report().client_info(reader.id(), fixture.now).oldest_unsealed == std::chrono::seconds(0));
  CHECK(fixture.store.report().client_info(fixture.writer, fixture.now).oldest_unsealed == std::chrono::seconds(3));
  reader.release(old);
  CHECK(fixture.store.report().client_info(reader.id(), fixture.now).longest_held == std::chrono::seconds(1));
  // A clock that is ahead is a lie, and told as no time at all.
  reader.table().record_hit(young.slot, fixture.now + 1000 * kSecond);
  CHECK(fixture.store.report().client_info(reader.id(), fixture.now).longest_held == std::chrono::seconds(0));
  reader.release(young);
}

TEST_CASE("who waits for an object is told with it, or with the error that it is not there") {
  ReportFixture fixture;
  Engine engine(std::move(fixture.owned));
  const ClientId waiter = fixture.store.attach({.pid = 5, .uid = 1000, .command = "waiter"}, fixture.now).value();
  REQUIRE(fixture.create(0, 10).has_value());
  const ObjectId ids[] = {id_of(0), id_of(0), id_of(1)};
  engine.gets().add({waiter, 1}, ids, kNever, fixture.now, [](const std::vector<SlotIndex>&) {});
  const Moment moment{fixture.now, {}};
  const std::vector<ClientUse> waiters = engine.metadata(id_of(0), moment).value().waiters;
  REQUIRE(waiters.size() == 1);  // twice the same is one waiter
  CHECK(waiters[0].command == "waiter");
  CHECK(engine.metadata(id_of(1), moment).error().message ==
        "there is no object " + id_of(1).hex() + "; a client waits for it to be sealed: waiter (pid 5)");
  CHECK(engine.metadata(id_of(2), moment).error().message == "there is no object " + id_of(2).hex());
}
