// Puts into a lease: their bytes are complete, whichever process dies meanwhile, and the lease is returned.

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <set>
#include <thread>

#include "protocol/convert.h"
#include "tests/client/store_under_test.h"
#include "tests/e2e/payload.h"
#include "tests/e2e/raw_client.h"
#include "tests/e2e/worker.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

/// Payloads of all sizes up to `largest`, and the items that put them.
class Batch {
 public:
  Batch(std::size_t count, std::size_t largest) : ids_(count), bytes_(count), items_(count) {
    for (std::size_t i = 0; i < count; ++i) {
      ids_[i] = ObjectId::random();
      bytes_[i].resize(i * 7919 % (largest + 1));
      fill_payload(bytes_[i], ids_[i], i);
      items_[i] = {.id = ids_[i], .data = bytes_[i]};
    }
  }
  [[nodiscard]] std::span<PutItem> items() { return items_; }
  /// How many of them are there; all of those are whole.
  [[nodiscard]] std::size_t there(Client& client) const {
    std::size_t count = 0;
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      const auto found = client.get_raw(ids_[i]);
      if (!found) continue;
      ++count;
      REQUIRE(same(found->data(), bytes_[i]));
    }
    return count;
  }
  /// Whether most of them lie below the one that was put before: as in leases, and in an empty store otherwise not.
  [[nodiscard]] bool descends(Client& client) const {
    std::size_t down = 0;
    const std::byte* last = nullptr;
    for (const ObjectId& id : ids_) {
      const std::byte* const here = client.get_raw(id).value().data().data();
      down += here < last ? 1 : 0;
      last = here;
    }
    return down > ids_.size() / 2;
  }

 private:
  std::vector<ObjectId> ids_;
  std::vector<Bytes> bytes_;
  std::vector<PutItem> items_;
};

Result<void> put_all_deferred(Client& client, std::span<const PutItem> items) {
  for (const PutItem& item : items)
    if (auto put = client.put_deferred(item.id, item.data, item.options); !put) return put;
  return {};
}

/// What is being written, by whom: leases alone, in these tests.
std::uint64_t leased_bytes(const Daemon& daemon) {
  return daemon.stats().unsealed_bytes;
}

}  // namespace

TEST_CASE("puts of all sizes through leases are what was put, and leave nothing behind") {
  Daemon daemon({"--capacity=64MiB"});
  const Census empty = daemon.census();
  const bool deferred = GENERATE(true, false);
  const std::size_t largest = GENERATE(300UL, 5000UL, kInlinePutLimit);
  const bool rings = GENERATE(true, false);
  CAPTURE(deferred, largest, rings);
  {
    const auto writer = daemon.connect({.rings = rings});
    Batch batch(30'000'000 / (largest + 30'000), largest);
    const std::vector<std::byte> metadata(100, std::byte{3});
    PutItem& late = batch.items()[batch.items().size() - 5];  // a deferred put finds a lease by then
    late.options = {.metadata = metadata, .type_tag = 7, .type_name = "a type", .pinned = true, .label = "a label"};
    if (deferred) {
      REQUIRE(put_all_deferred(*writer, batch.items()));
      CHECK(leased_bytes(daemon) > 0);
      REQUIRE(writer->flush().value().empty());
    } else {
      for (const auto& outcome : writer->put_many(batch.items()).value()) REQUIRE(outcome);
    }
    if (largest != 300) CHECK(batch.descends(*writer));  // of so small ones no lease's worth is put at once
    CHECK(batch.there(*writer) == batch.items().size());
    const Object special = writer->get_raw(late.id).value();
    CHECK(special.type_tag() == 7);
    CHECK(same(special.metadata(), metadata));
    CHECK(writer->metadata(special.id()).value().type_name == "a type");
    CHECK(writer->metadata(special.id()).value().label == "a label");
    CHECK(writer->metadata(special.id()).value().is_pinned);
    CHECK(leased_bytes(daemon) == 0);
    CHECK(daemon.stats().aborted_count == 0);
    REQUIRE(writer->clear());
  }
  CHECK(daemon.settled(empty) == empty);
}

TEST_CASE("failures of puts through leases are told of the puts that failed") {
  Daemon daemon({"--capacity=64MiB"});
  const auto writer = daemon.connect();
  Batch batch(2000, 2000);
  std::set<ObjectId> taken;
  for (std::size_t i = 0; i < batch.items().size(); i += 37) {
    taken.insert(batch.items()[i].id);
    REQUIRE(writer->put(batch.items()[i].id, batch.items()[i].data));
  }
  SECTION("put_many") {
    const auto outcomes = writer->put_many(batch.items()).value();
    for (std::size_t i = 0; i < outcomes.size(); ++i)
      REQUIRE(outcome(outcomes[i]) == (taken.contains(batch.items()[i].id) ? "already_exists" : "ok"));
  }
  SECTION("put_deferred") {
    REQUIRE(put_all_deferred(*writer, batch.items()));
    const auto failures = writer->flush().value();
    REQUIRE(failures.size() == taken.size());
    for (const PutFailure& failure : failures) {
      REQUIRE(failure.error.code == Errc::already_exists);
      REQUIRE(taken.contains(failure.id));
    }
  }
  CHECK(batch.there(*writer) == batch.items().size());
  CHECK(leased_bytes(daemon) == 0);
}

TEST_CASE("where no lease can be had, the bytes are sent") {
  Daemon daemon({"--capacity=1MiB"});
  // What is free lies in pieces of 16 KiB, between objects that may not go.
  std::vector<ObjectId> holes;
  for (int n = 0; n < 64; ++n) {
    const ObjectId id = ObjectId::random();
    if (n % 2 == 0) holes.push_back(id);
    REQUIRE(daemon.watcher()->put(id, Bytes(16 * 1024), {.pinned = n % 2 == 1}));
  }
  for (const ObjectId& id : holes) REQUIRE(daemon.watcher()->remove(id).value());
  const auto writer = daemon.connect();
  Batch batch(200, 4000);
  SECTION("put_many") {
    for (const auto& outcome : writer->put_many(batch.items()).value()) REQUIRE(outcome);
  }
  SECTION("put_deferred") {
    REQUIRE(put_all_deferred(*writer, batch.items()));
    REQUIRE(writer->flush().value().empty());
  }
  CHECK(batch.there(*writer) == batch.items().size());
  CHECK(leased_bytes(daemon) == 0);
}

TEST_CASE("what a client has leased itself does not stand in the way of its other calls") {
  const bool limited = GENERATE(false, true);  // by what one client may write, or by the store
  std::vector<std::string> flags = {"--capacity=4MiB"};
  if (limited) flags.emplace_back("--max-unsealed-bytes-per-client=2MiB");
  Daemon daemon(flags);
  const auto writer = daemon.connect();
  const std::uint64_t most = limited ? 2 * kMiB : 4 * kMiB;
  const auto lease_some = [&] {
    Batch batch(500, 1000);
    REQUIRE(put_all_deferred(*writer, batch.items()));
    REQUIRE(eventually([&] { return leased_bytes(daemon) > 0; }));
  };
  lease_some();
  CHECK(outcome(writer->create(id_of("at once"), most)) == "ok");
  lease_some();
  CHECK(outcome(writer->create(id_of("waits"), most, {.timeout = wait_forever})) == "ok");
  lease_some();
  CHECK(outcome(writer->put(id_of("put"), Bytes(most))) == "ok");
  REQUIRE(writer->remove(id_of("put")));
  lease_some();
  bool created = false;
  const AsyncHandle waiting =
      writer->create_async(id_of("later"), most, {.timeout = wait_forever},
                           [&](const Result<ObjectBuilder>& builder) { created = builder.has_value(); });
  CHECK(eventually([&] { return writer->process_events() && created; }));
}

TEST_CASE("all leases together take a part of the store") {
  Daemon daemon({"--capacity=4MiB"});
  std::vector<std::shared_ptr<Client>> writers;
  for (int n = 0; n < 10; ++n) {
    writers.push_back(daemon.connect());
    Batch batch(300, 1000);
    REQUIRE(put_all_deferred(*writers.back(), batch.items()));
    CHECK(leased_bytes(daemon) <= 4 * kMiB / 8);
  }
  CHECK(outcome(daemon.watcher()->create(id_of("a"), kMiB / 2)) == "ok");
}

TEST_CASE("a client that ends with a lease gives it back, whole, however it ends") {
  Daemon daemon({"--capacity=64MiB"});
  const Census empty = daemon.census();
  SECTION("its last handle goes, while an object of it stays") {
    auto writer = daemon.connect();
    Batch batch(1000, 1000);
    REQUIRE(put_all_deferred(*writer, batch.items()));
    REQUIRE(eventually([&] { return leased_bytes(daemon) > 0; }));
    const Object kept = writer->get_raw(batch.items()[9].id, kPatience).value();
    writer.reset();
    CHECK(eventually([&] { return leased_bytes(daemon) == 0; }));
    CHECK(batch.there(*daemon.watcher()) == batch.items().size());
  }
  SECTION("it is killed") {
    Worker worker(daemon);
    worker.tell("churn 7");
    CHECK(eventually([&] { return daemon.stats().put_count > 2000; }));
    CHECK(eventually([&] { return leased_bytes(daemon) > 0; }));
    worker.kill();
  }
  REQUIRE(daemon.watcher()->clear());
  CHECK(daemon.settled(empty) == empty);
}

TEST_CASE("the server dies under leases: nothing of them is lost that is not told, and nothing is torn") {
  Daemon daemon({"--capacity=64MiB"});
  const bool deferred = GENERATE(true, false);
  CAPTURE(deferred);
  const auto writer = daemon.connect();
  Batch before(1000, 4000);
  REQUIRE(put_all_deferred(*writer, before.items()));
  if (!deferred) REQUIRE(writer->flush());
  const pid_t old = daemon.server();
  daemon.kill_server();
  // The first call after it may be the one whose outcome is unknown; then all goes on, with new leases.
  Batch after(3000, 4000);
  if (deferred) {
    REQUIRE(put_all_deferred(*writer, after.items()));
    const auto told = writer->flush();
    std::size_t failed = 0;
    if (told)
      for (const PutFailure& failure : *told) failed += failure.error.code == Errc::disconnected ? 1 : 0;
    else
      CHECK(told.error().code == Errc::disconnected);
    REQUIRE(daemon.replaced(old));
    if (told) CHECK(after.there(*writer) == after.items().size() - failed);
  } else {
    const auto outcomes = writer->put_many(after.items());
    REQUIRE(daemon.replaced(old));
    if (!outcomes) CHECK(outcomes.error().code == Errc::disconnected);
    if (outcomes)
      for (std::size_t i = 0; i < outcomes->size(); ++i)
        CHECK(writer->exists(after.items()[i].id).value() == (*outcomes)[i].has_value());
    CHECK(before.there(*writer) == before.items().size());
  }
  static_cast<void>(before.there(*writer));  // whole, as many as there are
  static_cast<void>(after.there(*writer));
  Batch last(1000, 4000);
  REQUIRE(put_all_deferred(*writer, last.items()));
  REQUIRE(writer->flush().value().empty());
  CHECK(last.there(*writer) == last.items().size());
  CHECK(eventually([&] { return leased_bytes(daemon) == 0; }));
}

TEST_CASE("threads that defer puts through one client share its lease") {
  Daemon daemon({"--capacity=64MiB"});
  const auto writer = daemon.connect();
  std::vector<Batch> batches;
  for (int n = 0; n < 4; ++n) batches.emplace_back(3000, 2000);
  {
    std::vector<std::jthread> threads;
    for (Batch& batch : batches)
      threads.emplace_back([&] {
        if (!put_all_deferred(*writer, batch.items())) std::abort();
        if (!writer->flush()) std::abort();
      });
  }
  for (const Batch& batch : batches) CHECK(batch.there(*writer) == 3000);
  CHECK(leased_bytes(daemon) == 0);
}

TEST_CASE("a forked child leaves its parent's lease alone, and takes one of its own") {
  Daemon daemon({"--capacity=64MiB"});
  const auto writer = daemon.connect();
  Batch before(1000, 1000);
  Batch parents(1000, 1000);
  Batch childs(1000, 1000);
  REQUIRE(put_all_deferred(*writer, before.items()));
  REQUIRE(eventually([&] { return leased_bytes(daemon) > 0; }));
  const pid_t child = ::fork();
  if (child == 0) {
    const bool put = put_all_deferred(*writer, childs.items()).has_value() && writer->flush().has_value();
    ::_exit(put ? 0 : 1);
  }
  REQUIRE(put_all_deferred(*writer, parents.items()));
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  REQUIRE(writer->flush().value().empty());
  CHECK(before.there(*writer) == 1000);
  CHECK(parents.there(*writer) == 1000);
  CHECK(childs.there(*writer) == 1000);
  CHECK(eventually([&] { return leased_bytes(daemon) == 0; }));
}

namespace {

protocol::LeaseRequestT lease_request(std::uint64_t bytes) {
  protocol::LeaseRequestT request;
  request.id = protocol::to_wire_pointer(id_of("lease"));
  request.bytes = bytes;
  return request;
}

protocol::PutLeasedRequestT put_leased_request(std::uint64_t left, std::uint32_t size,
                                               const std::string& lease = "lease") {
  protocol::PutLeasedRequestT request;
  request.lease = protocol::to_wire_pointer(id_of(lease));
  request.left = left;
  request.heads.emplace_back(protocol::to_wire(id_of("a")), 0, false, 0, protocol::Retention::store_default, size, 0, 0,
                             0, 0, 0, 1);
  return request;
}

}  // namespace

TEST_CASE("who says of a lease what cannot be ends his session, and nothing else") {
  Daemon daemon({"--capacity=64MiB"});
  daemon.expect_misbehaviour();
  const Census empty = daemon.census();
  const auto last_words_after = [&](protocol::LeaseRequestT lease, protocol::PutLeasedRequestT put) {
    RawClient raw(daemon.socket());
    raw.hello();
    raw.request(2, std::move(lease));
    raw.request(3, std::move(put));
    return raw.last_words();
  };
  const std::string size = "a lease of a size that no lease has";
  const std::string place = "puts of bytes that are not at the end of their lease";
  CHECK_THAT(last_words_after(lease_request(0), put_leased_request(64, 64)), Catch::Contains(size));
  CHECK_THAT(last_words_after(lease_request(100), put_leased_request(64, 64)), Catch::Contains(size));
  CHECK_THAT(last_words_after(lease_request(2 * kMiB), put_leased_request(64, 64)), Catch::Contains(size));
  CHECK_THAT(last_words_after(lease_request(UINT64_MAX), put_leased_request(64, 64)), Catch::Contains(size));
  CHECK_THAT(last_words_after(lease_request(4096), put_leased_request(4096, 4097)), Catch::Contains(place));
  CHECK_THAT(last_words_after(lease_request(4096), put_leased_request(4096, UINT32_MAX)), Catch::Contains(place));
  CHECK_THAT(last_words_after(lease_request(4096), put_leased_request(4032, 64)), Catch::Contains(place));
  protocol::PutLeasedRequestT many = put_leased_request(4096, 0);
  many.heads.resize(protocol::kMaxPutsAtOnce + 1, many.heads.front());
  CHECK_THAT(last_words_after(lease_request(4096), std::move(many)), Catch::Contains("more objects than one message"));
  CHECK(daemon.settled(empty) == empty);
}

TEST_CASE("a lease cannot be sealed, and its id is taken") {
  Daemon daemon({"--capacity=64MiB"});
  RawClient raw(daemon.socket());
  raw.hello();
  raw.request(2, lease_request(4096));
  REQUIRE(raw.receive()->body_as_CreateReply() != nullptr);
  protocol::SealRequestT seal;
  seal.id = protocol::to_wire_pointer(id_of("lease"));
  raw.request(3, std::move(seal));
  CHECK(raw.receive()->body_as_ErrorReply()->code() == protocol::ErrorCode::not_found);
  protocol::PutLeasedRequestT put = put_leased_request(4096, 64);
  put.heads.push_back(put.heads.front());  // the same once more
  put.heads.emplace_back(protocol::to_wire(id_of("lease")), 0, false, 0, protocol::Retention::store_default, 64, 0, 0,
                         0, 0, 0, 1);
  raw.request(4, std::move(put));
  const auto* reply = raw.receive()->body_as_PutReply();
  REQUIRE(reply != nullptr);
  REQUIRE(reply->failures()->size() == 2);
  for (const auto* failure : *reply->failures()) CHECK(failure->code() == protocol::ErrorCode::already_exists);
  protocol::AbortRequestT abort;
  abort.id = protocol::to_wire_pointer(id_of("lease"));
  raw.request(5, std::move(abort));
  CHECK(raw.receive()->body_as_DoneReply() != nullptr);
  CHECK(daemon.stats().total_objects == 1);
  CHECK(daemon.stats().used_bytes == 64);
}

TEST_CASE("puts of a lease that is not there fail, each by itself") {
  Daemon daemon({"--capacity=64MiB"});
  RawClient raw(daemon.socket());
  raw.hello();
  protocol::PutLeasedRequestT request = put_leased_request(64, 64, "no lease");
  raw.request(2, request);
  const auto* reply = raw.receive();
  REQUIRE(reply != nullptr);
  REQUIRE(reply->body_as_PutReply() != nullptr);
  REQUIRE(reply->body_as_PutReply()->failures()->size() == 1);
  CHECK(reply->body_as_PutReply()->failures()->Get(0)->code() == protocol::ErrorCode::disconnected);
  CHECK_THAT(reply->body_as_PutReply()->failures()->Get(0)->message()->str(),
             Catch::Contains("was lost with the daemon's server") && Catch::Contains("put it again"));
  request.deferred = true;
  raw.request(3, std::move(request));
  const auto* notice = raw.receive();
  REQUIRE(notice != nullptr);
  REQUIRE(notice->body_as_PutFailedNotice() != nullptr);
  CHECK(protocol::from_wire(*notice->body_as_PutFailedNotice()->id()) == id_of("a"));
}
