#include "shm/store/create_waits.h"

#include <catch2/catch.hpp>
#include <map>
#include <optional>

#include "tests/shm/store_fixture.h"

using namespace dolium;
using namespace dolium::shm;
using namespace dolium::shm::test;

namespace {

struct CreateWaitsFixture : StoreFixture {
  explicit CreateWaitsFixture(const StoreConfig& config = {.capacity = kMiB}) : StoreFixture(config), waits(store) {}

  /// Object `number`, by a client of the test's choice; its answer stands in `answers` under its number.
  void add(std::uint64_t number, std::uint64_t size, TimeNs deadline, ClientId client) {
    waits.add({client, number}, {.id = id_of(number), .data_size = size}, deadline, now,
              [this, number](Result<Placement> placed) {
                REQUIRE_FALSE(answers.contains(number));  // each wait ends once
                answers.emplace(number, outcome(placed));
              });
  }
  void add(std::uint64_t number, std::uint64_t size, TimeNs deadline = kNever) { add(number, size, deadline, writer); }
  /// Four pinned quarters, numbers 0 to 3: nothing more fits.
  void fill_pinned() {
    for (std::uint64_t n = 0; n < 4; ++n) put({.id = id_of(n), .data_size = kQuarter, .pinned = true});
  }
  void unpin(std::uint64_t number) { REQUIRE(store.unpin(id_of(number), now).has_value()); }
  void abort(std::uint64_t number) { REQUIRE(store.abort(writer, id_of(number)).has_value()); }
  [[nodiscard]] bool release_wanted() const {
    const Mapping index = store.rows().index.segment().map(Mapping::Mode::read_only).value();
    return IndexReader::open(index.data(), index.size()).value().release_wanted();
  }

  CreateWaits waits;
  std::map<std::uint64_t, std::string> answers;
};

}  // namespace

TEST_CASE("what fits, or can never be, is answered at once") {
  CreateWaitsFixture fixture;
  fixture.add(1, kQuarter);
  CHECK(fixture.answers.at(1) == "ok");
  fixture.add(2, kMiB + 1);
  CHECK(fixture.answers.at(2) == "too_large");
  fixture.waits.add({fixture.writer, 3}, {.id = id_of(1), .data_size = 1}, kNever, fixture.now,
                    [&](const Result<Placement>& placed) { CHECK(outcome(placed) == "already_exists"); });
  fixture.add(4, kMiB, fixture.now);
  CHECK(fixture.answers.at(4) == "out_of_memory");
  CHECK(fixture.waits.count() == 0);
  CHECK_FALSE(fixture.release_wanted());
  CHECK(fixture.store.stats(fixture.now).out_of_memory_count == 1);
}

TEST_CASE("release_wanted stands exactly while somebody waits") {
  CreateWaitsFixture fixture;
  fixture.fill_pinned();
  fixture.add(10, kQuarter);
  fixture.add(11, kQuarter);
  CHECK(fixture.release_wanted());
  fixture.unpin(0);
  fixture.waits.serve(fixture.now);
  CHECK(fixture.release_wanted());
  CHECK(fixture.waits.cancel({fixture.writer, 11}, fixture.now));
  CHECK_FALSE(fixture.release_wanted());
}

TEST_CASE("a client that drops its last reference learns that somebody waits, and serving then succeeds") {
  CreateWaitsFixture fixture;
  TestClient reader = fixture.client();
  fixture.put(0, kMiB);
  const Held held = reader.hold(id_of(0));
  fixture.add(10, kQuarter);
  CHECK(fixture.answers.empty());
  fixture.waits.serve(fixture.now);
  CHECK(fixture.answers.empty());
  CHECK(reader.holder().release(held.slot));
  fixture.waits.serve(fixture.now);
  CHECK(fixture.answers.at(10) == "ok");
  REQUIRE(fixture.store.seal(fixture.writer, id_of(10), ++fixture.now).has_value());
  CHECK_FALSE(reader.holder().release(reader.hold(id_of(10)).slot));  // nobody waits any more
}

TEST_CASE("creates are served in order of arrival, but what fits need not stand behind what does not") {
  CreateWaitsFixture fixture;
  fixture.fill_pinned();
  fixture.add(10, 2 * kQuarter);
  fixture.add(11, 2 * kQuarter);
  fixture.add(12, kQuarter);
  fixture.add(13, kQuarter);
  fixture.unpin(1);
  fixture.waits.serve(fixture.now);
  CHECK(fixture.answers == std::map<std::uint64_t, std::string>{{12, "ok"}});
  fixture.unpin(2);
  fixture.abort(12);
  fixture.waits.serve(fixture.now);
  CHECK(fixture.answers.at(10) == "ok");
  CHECK(fixture.answers.size() == 2);
  fixture.abort(10);
  fixture.waits.serve(fixture.now);
  CHECK(fixture.answers.at(11) == "ok");
  CHECK_FALSE(fixture.answers.contains(13));
  CHECK(fixture.waits.count() == 1);
}

TEST_CASE("a wait ends at its deadline, and a refusal is counted") {
  CreateWaitsFixture fixture;
  fixture.fill_pinned();
  const TimeNs start = fixture.now;
  fixture.add(10, kQuarter, start + kSecond);
  fixture.add(11, kQuarter, start + 2 * kSecond);
  fixture.waits.tick(start + kSecond - 1);
  CHECK(fixture.answers.empty());
  fixture.waits.tick(start + kSecond);
  CHECK(fixture.answers == std::map<std::uint64_t, std::string>{{10, "timed_out"}});
  fixture.waits.tick(start + 3 * kSecond);
  CHECK(fixture.answers.at(11) == "timed_out");
  CHECK(fixture.waits.next_deadline() == kNever);
  CHECK(fixture.store.stats(start + 3 * kSecond).out_of_memory_count == 2);
}

TEST_CASE("a put that does not wait is done or refused, and only what lacked room is counted") {
  CreateWaitsFixture fixture({.capacity = kMiB, .max_unsealed_bytes_per_client = kQuarter});
  const std::vector<std::byte> bytes(kQuarter + 1);
  const auto put = [&](std::uint64_t number, std::uint64_t size) {
    const NewObject object = {.id = id_of(number), .data_size = size};
    return outcome(fixture.waits.put_now(fixture.writer, object, std::span(bytes).first(size), {}, fixture.now));
  };
  fixture.fill_pinned();
  CHECK(put(10, kQuarter) == "out_of_memory");
  CHECK(put(10, kQuarter + 1) == "too_large");
  CHECK(put(0, 1) == "already_exists");
  CHECK(fixture.store.stats(fixture.now).out_of_memory_count == 1);
  fixture.unpin(0);
  CHECK(put(10, kQuarter) == "ok");
  fixture.unpin(1);
  fixture.add(11, kQuarter);
  CHECK(put(12, kQuarter) == "out_of_memory");  // the client's own limit, of which room is no part
  CHECK(fixture.store.stats(fixture.now).out_of_memory_count == 1);
}

TEST_CASE("a release of which nobody told is found by the slow rescan, before any deadline") {
  CreateWaitsFixture fixture;
  TestClient reader = fixture.client();
  fixture.put(0, kMiB);
  const Held held = reader.hold(id_of(0));
  const TimeNs start = fixture.now;
  fixture.add(10, kQuarter, start + CreateWaits::kRescan);
  reader.release(held);
  CHECK(fixture.waits.next_deadline() == start + CreateWaits::kRescan);
  fixture.waits.tick(start + CreateWaits::kRescan - 1);
  CHECK(fixture.answers.empty());
  fixture.waits.tick(start + CreateWaits::kRescan);
  CHECK(fixture.answers.at(10) == "ok");
}

TEST_CASE("creates that wait in vain back off by the time that is passed in, not by a clock") {
  CreateWaitsFixture fixture;
  fixture.fill_pinned();
  fixture.waits.set_long_scan(1);
  TestClient reader = fixture.client();
  REQUIRE(fixture.store.unpin(id_of(0), fixture.now).has_value());
  const Held held = reader.hold(id_of(0));
  const std::uint64_t looked = fixture.store.room().looks();
  fixture.add(10, kQuarter);  // and is served once more, in vain
  REQUIRE(fixture.store.room().looks() > looked);
  REQUIRE(fixture.waits.rests(fixture.now));
  reader.release(held);
  const std::uint64_t before = fixture.store.room().looks();
  fixture.waits.serve(fixture.now);
  CHECK(fixture.answers.empty());
  CHECK(fixture.store.room().looks() == before);  // not one look while it rests
  const TimeNs again = fixture.waits.next_deadline();
  CHECK(again > fixture.now);
  CHECK(again <= fixture.now + CreateWaits::kRestPerLook * (before - looked + 1));
  fixture.waits.tick(again - 1);
  CHECK(fixture.answers.empty());
  fixture.waits.tick(again);
  CHECK(fixture.answers.at(10) == "ok");
}

TEST_CASE("a scan in vain that took few looks is followed by the next at once") {
  CreateWaitsFixture fixture;
  fixture.fill_pinned();
  fixture.add(10, kQuarter);
  CHECK_FALSE(fixture.waits.rests(fixture.now));
  fixture.unpin(0);
  fixture.waits.serve(fixture.now);
  CHECK(fixture.answers.at(10) == "ok");
}

TEST_CASE("a cancelled wait is timed_out, a dropped client's is answered to nobody") {
  CreateWaitsFixture fixture;
  fixture.fill_pinned();
  const ClientId other = fixture.attach();
  fixture.add(10, kQuarter);
  fixture.add(11, kQuarter, kNever, other);
  fixture.add(12, kQuarter);
  CHECK(fixture.waits.contains({fixture.writer, 10}));
  CHECK(fixture.waits.cancel({fixture.writer, 10}, fixture.now));
  CHECK_FALSE(fixture.waits.cancel({fixture.writer, 10}, fixture.now));
  CHECK(fixture.answers.at(10) == "timed_out");
  CHECK(fixture.waits.count(other) == 1);
  fixture.waits.drop_client(other);
  CHECK(fixture.waits.count(other) == 0);
  fixture.unpin(0);
  fixture.waits.serve(fixture.now);
  CHECK_FALSE(fixture.answers.contains(11));
  CHECK(fixture.answers.at(12) == "ok");
}

TEST_CASE("of two that wait for one id the second learns that it exists") {
  CreateWaitsFixture fixture;
  fixture.fill_pinned();
  std::vector<std::string> answers;
  for (const std::uint64_t key : {20U, 21U})
    fixture.waits.add({fixture.writer, key}, {.id = id_of(10), .data_size = 1}, kNever, fixture.now,
                      [&](const Result<Placement>& placed) { answers.push_back(outcome(placed)); });
  fixture.unpin(0);
  fixture.waits.serve(fixture.now);
  CHECK(answers == std::vector<std::string>{"ok", "already_exists"});
}

TEST_CASE("type name and label of a waiting create need not outlive the call") {
  CreateWaitsFixture fixture;
  fixture.fill_pinned();
  {
    const std::string name(200, 'n'), label(200, 'l');
    fixture.waits.add({fixture.writer, 10}, {.id = id_of(10), .data_size = 1, .type_name = name, .label = label},
                      kNever, fixture.now, [](const Result<Placement>& placed) { CHECK(outcome(placed) == "ok"); });
  }
  fixture.unpin(0);
  fixture.waits.serve(fixture.now);
  REQUIRE(fixture.waits.count() == 0);
  CHECK(fixture.store.report().metadata(id_of(10), {fixture.now, {}}).value().type_name == std::string(200, 'n'));
  CHECK(fixture.store.report().metadata(id_of(10), {fixture.now, {}}).value().label == std::string(200, 'l'));
}

TEST_CASE("a client at its own limit does not hold up what fits for others") {
  CreateWaitsFixture fixture({.capacity = kMiB, .max_unsealed_bytes_per_client = kQuarter});
  fixture.fill_pinned();
  const ClientId other = fixture.attach();
  fixture.add(10, kQuarter);
  fixture.add(11, kQuarter);  // beyond the limit as soon as 10 is served
  fixture.add(12, kQuarter, kNever, other);
  fixture.unpin(0);
  fixture.unpin(1);
  fixture.waits.serve(fixture.now);
  CHECK(fixture.answers == std::map<std::uint64_t, std::string>{{10, "ok"}, {12, "ok"}});
  fixture.abort(10);
  fixture.waits.serve(fixture.now);
  CHECK(fixture.answers.at(11) == "ok");
}

TEST_CASE("a client's waiting creates are bounded") {
  CreateWaitsFixture fixture;
  fixture.fill_pinned();
  for (std::uint64_t n = 0; n < CreateWaits::kMaxPerClient; ++n) fixture.add(100 + n, kQuarter);
  CHECK(fixture.answers.empty());
  fixture.add(10, kQuarter);
  CHECK(fixture.answers.at(10) == "out_of_memory");
  fixture.add(11, kQuarter, kNever, fixture.attach());
  CHECK_FALSE(fixture.answers.contains(11));
}
