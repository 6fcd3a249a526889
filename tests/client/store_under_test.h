#pragma once
// The behaviour suite runs each of its tests with every implementation of ObjectStore. A test only sees a store that it
// can open, not the implementation behind it.
//
//   OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
//   CHECK(outcome(store->put(id, bytes)) == "ok");

#include <catch2/catch.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dolium/dolium.h>

namespace dolium::test {

inline constexpr std::uint64_t kKiB = 1024;
inline constexpr std::uint64_t kMiB = 1024 * kKiB;
/// Bounds every wait that must not be in vain; never a measure of speed.
inline constexpr std::chrono::seconds kPatience{60};
/// For waits that must be in vain.
inline constexpr std::chrono::milliseconds kShortly{20};

/// One store and the clients that a test has of it.
struct StoreUnderTest {
  virtual ~StoreUnderTest() = default;
  /// The test's client; the same at each call.
  [[nodiscard]] virtual std::shared_ptr<ObjectStore> store() = 0;
  /// A second, independent client of the same store; the first one again where there can be only one.
  [[nodiscard]] virtual std::shared_ptr<ObjectStore> other() { return store(); }
  /// How many clients the store counts when both have been asked for.
  [[nodiscard]] virtual std::uint64_t client_count() const { return 1; }
  /// Lets go of all clients; with the last of them an in-process store is gone, a daemon is not.
  virtual void close() = 0;
};

[[nodiscard]] std::unique_ptr<StoreUnderTest> open_in_process(const StoreConfig& config);

struct Implementation {
  const char* name;
  std::unique_ptr<StoreUnderTest> (*open)(const StoreConfig& config);
};
/// For GENERATE.
[[nodiscard]] Catch::Generators::GeneratorWrapper<Implementation> implementations();

/// A StoreUnderTest whose name is part of every failure's report while it lives.
class OpenStore {
 public:
  explicit OpenStore(const Implementation& implementation, const StoreConfig& config);

  ObjectStore* operator->() { return store_.get(); }
  ObjectStore& operator*() { return *store_; }
  [[nodiscard]] const std::shared_ptr<ObjectStore>& shared() const { return store_; }
  [[nodiscard]] ObjectStore& other() { return *other_; }
  [[nodiscard]] std::uint64_t client_count() const { return under_test_->client_count(); }
  void close();

 private:
  Catch::ScopedMessage name_;
  std::unique_ptr<StoreUnderTest> under_test_;
  std::shared_ptr<ObjectStore> store_;
  std::shared_ptr<ObjectStore> other_;  // from the start: a test's threads may ask for it at once
};

[[nodiscard]] inline OpenStore open_store(const Implementation& implementation, const StoreConfig& config) {
  return OpenStore(implementation, config);
}

// ---- what the tests say ----

using Bytes = std::vector<std::byte>;

/// "ok", or the error's code by name.
template <class T>
[[nodiscard]] std::string outcome(const Result<T>& result) {
  return result ? "ok" : std::string(to_string(result.error().code));
}

/// Bytes that can be told from those of another salt.
[[nodiscard]] Bytes pattern(std::size_t size, std::uint32_t salt = 0);
[[nodiscard]] std::span<const std::byte> bytes_of(std::string_view text);
[[nodiscard]] std::string text_of(std::span<const std::byte> bytes);
[[nodiscard]] bool same(std::span<const std::byte> a, std::span<const std::byte> b);

/// Ids by name or number, the same in every run.
[[nodiscard]] ObjectId id_of(std::string_view name);
[[nodiscard]] ObjectId id_of(std::size_t number);

/// Puts objects `first` to `first + count - 1`, each of `size` bytes.
void put_numbered(ObjectStore& store, std::size_t first, std::size_t count, std::size_t size,
                  const CreateOptions& options = {});
/// Which of the objects 0 to `count - 1` exist.
[[nodiscard]] std::vector<std::size_t> present(ObjectStore& store, std::size_t count);

// ---- waiting for what another thread or process does ----

/// Whether the condition comes true within kPatience. For what cannot be waited for in another way.
[[nodiscard]] bool eventually(const std::function<bool()>& condition);
/// Until so many gets wait, in this store.
[[nodiscard]] bool gets_wait(ObjectStore& store, std::uint64_t gets);
/// Runs the store's event loop until the condition holds; false after kPatience.
[[nodiscard]] bool run_until(ObjectStore& store, const std::function<bool()>& condition);
/// Whether event_fd() says that process_events() has something to do.
[[nodiscard]] bool has_events(ObjectStore& store);
/// The next event within kPatience; fails the test when there is none.
[[nodiscard]] Event next_event(Subscription& subscription);
/// No event comes within kShortly.
[[nodiscard]] bool is_quiet(Subscription& subscription);

}  // namespace dolium::test
