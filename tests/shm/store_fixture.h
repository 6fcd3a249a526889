#pragma once
// A store that is called directly, in virtual time, and clients that use its shared memory as another process would:
// through their own mappings.

#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "shm/store/engine.h"
#include "shm/store/store.h"
#include "shm/table/holder.h"
#include "tests/shm/test_values.h"

namespace dolium::shm::test {

inline constexpr std::uint64_t kQuarter = kMiB / 4;  // of a StoreFixture
/// For tests that say which object is evicted next.
inline const StoreConfig kLeastRecentFirst{.capacity = kMiB, .eviction_policy = EvictionPolicy::lru};

/// "ok", or the error's code by name.
template <class T>
[[nodiscard]] std::string outcome(const Result<T>& result) {
  return result ? "ok" : std::string(to_string(result.error().code));
}

/// A client's side: what it has mapped.
class TestClient {
 public:
  TestClient(Store& store, ClientId id)
      : id_(id),
        index_(store.rows().index.segment().map(Mapping::Mode::read_only).value()),
        arena_(store.rows().memory.segment().map(Mapping::Mode::read_only).value()),
        reader_(IndexReader::open(index_.data(), index_.size()).value()),
        holder_(reader_, PinTable(store.clients().pin_table_segment(id).map(Mapping::Mode::read_write).value(),
                                  reader_.slot_count())) {}

  [[nodiscard]] ClientId id() const { return id_; }
  [[nodiscard]] Holder& holder() { return holder_; }
  [[nodiscard]] PinTable& table() { return holder_.table(); }
  [[nodiscard]] bool sees(const ObjectId& id) const { return holder_.find(id).verdict == IndexReader::Verdict::found; }
  /// Takes a reference, which must be possible.
  Held hold(const ObjectId& id) {
    const Holder::Attempt attempt = holder_.hold(id);
    REQUIRE(attempt.verdict == Holder::Verdict::held);
    return attempt.object;
  }
  /// A get as the client library does it: a reference, and a word on when.
  Held get(const ObjectId& id, TimeNs now) {
    const Held held = hold(id);
    table().record_hit(held.slot, now);
    return held;
  }
  /// get() and release().
  void touch(const ObjectId& id, TimeNs now) { static_cast<void>(holder_.release(get(id, now).slot)); }
  void release(const Held& held) { static_cast<void>(holder_.release(held.slot)); }
  [[nodiscard]] std::span<const std::byte> bytes(const Held& held) const {
    return {arena_.data() + held.offset, held.data_size + held.metadata_size};
  }

 private:
  ClientId id_;
  Mapping index_;
  Mapping arena_;
  IndexReader reader_;
  Holder holder_;
};

/// A store, its time, and one client that writes.
struct StoreFixture {
  explicit StoreFixture(const StoreConfig& config = {.capacity = kMiB}, const HostQuery& host = {})
      : owned(Store::create(config, now, host).value()), store(*owned), writer(attach()) {}
  ~StoreFixture() {
    if (owned != nullptr) owned->check_invariants();
  }
  StoreFixture(const StoreFixture&) = delete;
  StoreFixture& operator=(const StoreFixture&) = delete;

  ClientId attach(std::uint32_t uid = 1000) { return store.attach({.pid = 77, .uid = uid}, now).value(); }
  TestClient client(std::uint32_t uid = 1000) { return {store, attach(uid)}; }

  Result<Placement> create(std::uint64_t number, std::uint64_t size) {
    return store.create_object(writer, {.id = id_of(number), .data_size = size}, now);
  }
  /// Creates, fills with the number's low byte, and seals.
  SlotIndex put(NewObject object) {
    const Placement placed = store.create_object(writer, object, now).value();
    return store.seal(writer, object.id, ++now).value() == placed.slot ? placed.slot : kNoSlot;
  }
  SlotIndex put(std::uint64_t number, std::uint64_t size) { return put({.id = id_of(number), .data_size = size}); }
  void fill(std::uint64_t count, std::uint64_t size) {
    for (std::uint64_t number = 0; number < count; ++number) REQUIRE(put(number, size) != kNoSlot);
  }
  [[nodiscard]] bool exists(std::uint64_t number) const { return store.rows().find(id_of(number)) != kNoSlot; }
  [[nodiscard]] std::vector<std::uint64_t> present(std::uint64_t count) const {
    std::vector<std::uint64_t> numbers;
    for (std::uint64_t number = 0; number < count; ++number)
      if (exists(number)) numbers.push_back(number);
    return numbers;
  }

  TimeNs now = 1000 * kSecond;
  std::unique_ptr<Store> owned;  // an Engine may take it
  Store& store;
  ClientId writer;
};

}  // namespace dolium::shm::test
