// References, descriptors and memory of the process stay the same over a hundred thousand gets.

#include <filesystem>
#include <fstream>

#include "tests/client/store_under_test.h"

using namespace dolium;
using namespace dolium::test;

namespace {

constexpr int kGets = 100'000;
/// What an allocator keeps to itself; a byte a get would be 100 KiB, the text of an error 10 MiB.
constexpr std::uint64_t kMaxGrowth = kMiB / 4;

auto descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
}

/// The memory of this process but for the store's, in bytes.
std::uint64_t own_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (std::uint64_t kib = 0; word == "RssAnon:" && status >> kib) return kib * kKiB;
  FAIL("no RssAnon in /proc/self/status");
  return 0;
}

void get_often(ObjectStore& store, int gets) {
  for (int i = 0; i < gets; ++i) {
    const Result<Object> object = store.get_raw(id_of("there"));
    const Object copy = object ? *object : Object();
    if (copy.data().size() != 1000 || store.get_raw(id_of("missing"))) FAIL("get " << i << " went wrong");
  }
}

}  // namespace

TEST_CASE("a hundred thousand gets leave nothing behind") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  REQUIRE(outcome(store->put(id_of("there"), pattern(1000))) == "ok");
  get_often(*store, 1000);
  const auto open = descriptors();
  const std::uint64_t memory = own_memory();
  get_often(*store, kGets);
  CHECK(descriptors() == open);
  CHECK(store->metadata(id_of("there")).value().ref_count == 0);
  CHECK(store->stats().value().in_use_count == 0);
#ifndef DOLIUM_SANITIZED  // they keep freed memory
  CHECK(own_memory() <= memory + kMaxGrowth);
#else
  static_cast<void>(memory);
#endif
}
