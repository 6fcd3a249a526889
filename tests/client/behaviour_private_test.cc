// Private copies: a writable copy of an object for one process.

#include <sys/wait.h>
#include <unistd.h>

#include "tests/client/store_under_test.h"
#include "tests/shm/smaps.h"

using namespace dolium;
using namespace dolium::test;

namespace {

constexpr std::size_t kSomePages = 40 * 4096 + 100;

}  // namespace

TEST_CASE("a private copy can be written, and no get, other client or other copy sees the writes") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const std::size_t size = GENERATE(0, 100, 10000, kSomePages);
  REQUIRE(outcome(store->put(id_of("neighbour"), pattern(70))) == "ok");
  const Bytes metadata = pattern(30, 1);
  REQUIRE(outcome(store->put(id_of("a"), pattern(size), {.metadata = metadata, .type_tag = 5})) == "ok");
  REQUIRE(outcome(store->put(id_of("next"), pattern(70, 2))) == "ok");

  const PrivateCopy copy = store->get_raw(id_of("a")).value().private_copy().value();
  const PrivateCopy second = store->get_raw(id_of("a")).value().private_copy().value();
  CHECK(same(copy.data(), pattern(size)));
  CHECK(reinterpret_cast<std::uintptr_t>(copy.data().data()) % 64 == 0);
  CHECK(copy.object().id() == id_of("a"));
  CHECK(copy.object().type_tag() == 5);
  CHECK(same(copy.object().metadata(), metadata));

  std::ranges::fill(copy.data(), std::byte{0xEE});
  CHECK(same(copy.data(), Bytes(size, std::byte{0xEE})));
  CHECK(same(copy.object().data(), pattern(size)));
  CHECK(same(second.data(), pattern(size)));
  CHECK(same(store->get_raw(id_of("a")).value().data(), pattern(size)));
  CHECK(same(store.other().get_raw(id_of("a")).value().data(), pattern(size)));
  CHECK(same(store.other().get_raw(id_of("neighbour")).value().data(), pattern(70)));
  CHECK(same(store.other().get_raw(id_of("next")).value().data(), pattern(70, 2)));
}

TEST_CASE("a private copy holds the object, outlives its removal and its store, and costs the pages written") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  REQUIRE(outcome(store->put(id_of("a"), pattern(kSomePages))) == "ok");
  PrivateCopy copy = store->get_raw(id_of("a")).value().private_copy().value();
  CHECK(store->metadata(id_of("a")).value().ref_count == 1);
  copy.data()[5 * 4096] = std::byte{1};
  CHECK(own_bytes_at(copy.data().data()) == 4096);

  REQUIRE(store->remove(id_of("a")).value());
  CHECK(store->stats().value().retired_count == 1);
  for (std::size_t i = 0; i < 64; ++i)  // four times the store: its memory is used again, but for what is held
    static_cast<void>(store->put(id_of(i), pattern(64 * kKiB, static_cast<std::uint32_t>(i))));
  Bytes expected = pattern(kSomePages);
  expected[5 * 4096] = std::byte{1};
  CHECK(same(copy.data(), expected));
  copy = PrivateCopy();
  CHECK(store->stats().value().retired_count == 0);

  REQUIRE(outcome(store->put(id_of("b"), pattern(kSomePages, 9))) == "ok");
  copy = store->get_raw(id_of("b")).value().private_copy().value();
  store.close();
  CHECK(same(copy.data(), pattern(kSomePages, 9)));
  copy.data()[0] = std::byte{7};
  CHECK(copy.data()[0] == std::byte{7});
}

TEST_CASE("a private copy is viewed as an array of its type") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const std::vector<double> values(5000, 1.5);
  REQUIRE(store->put(id_of("a"), values).has_value());
  const PrivateCopy copy = store->get_raw(id_of("a")).value().private_copy().value();
  const std::span<double> array = copy.as_span<double>().value();
  REQUIRE(array.size() == 5000);
  array[4999] = -1;
  CHECK(copy.as_span<double>().value()[4999] == -1);
  CHECK(store->get<std::vector<double>>(id_of("a")).value() == values);
  CHECK(outcome(copy.as_span<float>()) == "type_mismatch");
}

TEST_CASE("a child of fork() has a private copy of its own") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  REQUIRE(outcome(store->put(id_of("a"), pattern(kSomePages))) == "ok");
  const PrivateCopy copy = store->get_raw(id_of("a")).value().private_copy().value();
  copy.data()[0] = std::byte{200};
  Bytes expected = pattern(kSomePages);
  expected[0] = std::byte{200};
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const bool inherited = same(copy.data(), expected);
    std::ranges::fill(copy.data(), std::byte{0xEE});
    ::_exit(inherited ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(same(copy.data(), expected));
  CHECK(same(store->get_raw(id_of("a")).value().data(), pattern(kSomePages)));
}

TEST_CASE("an Object that holds nothing has no private copy") {
  const Result<PrivateCopy> refused = Object().private_copy();
  REQUIRE(outcome(refused) == "invalid_argument");
  CHECK(PrivateCopy().data().empty());
  CHECK_FALSE(PrivateCopy().object().holds());
}
