#include "tests/client/store_under_test.h"

#include <poll.h>

#include <algorithm>
#include <thread>

#include "tests/e2e/daemon_store.h"

namespace dolium::test {
namespace {

class InProcess final : public StoreUnderTest {
 public:
  explicit InProcess(const StoreConfig& config) : store_(InProcessStore::open(config).value()) {}
  std::shared_ptr<ObjectStore> store() override { return store_; }
  void close() override { store_.reset(); }

 private:
  std::shared_ptr<ObjectStore> store_;
};

constexpr Implementation kImplementations[] = {
    {"in-process store", &open_in_process},
    {"client of a daemon", &open_with_daemon},
};

}  // namespace

std::unique_ptr<StoreUnderTest> open_in_process(const StoreConfig& config) {
  return std::make_unique<InProcess>(config);
}

Catch::Generators::GeneratorWrapper<Implementation> implementations() {
  return Catch::Generators::from_range(std::begin(kImplementations), std::end(kImplementations));
}

OpenStore::OpenStore(const Implementation& implementation, const StoreConfig& config)
    : name_(Catch::MessageBuilder("INFO", CATCH_INTERNAL_LINEINFO, Catch::ResultWas::Info) << implementation.name),
      under_test_(implementation.open(config)),
      store_(under_test_->store()),
      other_(under_test_->other()) {}

void OpenStore::close() {
  store_.reset();
  other_.reset();
  under_test_->close();
}

Bytes pattern(std::size_t size, std::uint32_t salt) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>((i * 31 + salt * 7 + (i >> 8)) & 0xff);
  return bytes;
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool same(std::span<const std::byte> a, std::span<const std::byte> b) {
  return std::ranges::equal(a, b);
}

ObjectId id_of(std::string_view name) {
  return ObjectId::from_name(name);
}
ObjectId id_of(std::size_t number) {
  return ObjectId::from_name("object " + std::to_string(number));
}

void put_numbered(ObjectStore& store, std::size_t first, std::size_t count, std::size_t size,
                  const CreateOptions& options) {
  for (std::size_t n = first; n < first + count; ++n) {
    INFO("object " << n);
    REQUIRE(outcome(store.put(id_of(n), pattern(size, static_cast<std::uint32_t>(n)), options)) == "ok");
  }
}

std::vector<std::size_t> present(ObjectStore& store, std::size_t count) {
  std::vector<std::size_t> numbers;
  for (std::size_t n = 0; n < count; ++n)
    if (store.exists(id_of(n)).value()) numbers.push_back(n);
  return numbers;
}

bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // leaves the core to whom we wait for
  }
  return true;
}

bool gets_wait(ObjectStore& store, std::uint64_t gets) {
  return eventually([&] { return store.stats().value().waiting_gets == gets; });
}

bool run_until(ObjectStore& store, const std::function<bool()>& condition) {
  constexpr int kPatienceMs = static_cast<int>(std::chrono::milliseconds(kPatience).count());
  while (!condition()) {
    pollfd ready{store.event_fd(), POLLIN, 0};
    if (::poll(&ready, 1, kPatienceMs) != 1) return false;
    if (!store.process_events()) return condition();
  }
  return true;
}

bool has_events(ObjectStore& store) {
  pollfd ready{store.event_fd(), POLLIN, 0};
  return ::poll(&ready, 1, 0) == 1;
}

Event next_event(Subscription& subscription) {
  const Result<Event> event = subscription.next(kPatience);
  REQUIRE(outcome(event) == "ok");
  return *event;
}

bool is_quiet(Subscription& subscription) {
  return outcome(subscription.next(kShortly)) == "timed_out";
}

}  // namespace dolium::test
