#include "tests/e2e/daemon_store.h"

#include <dolium/reconnecting_store.h>

#include "tests/e2e/daemon_fixture.h"

namespace dolium::test {
namespace {

class WithDaemon final : public StoreUnderTest {
 public:
  explicit WithDaemon(const StoreConfig& config) : daemon_(config), store_(daemon_.release_watcher()) {}
  std::shared_ptr<ObjectStore> store() override { return store_; }
  std::shared_ptr<ObjectStore> other() override {
    if (other_ == nullptr) other_ = ReconnectingStore::connect(daemon_.socket()).value();
    return other_;
  }
  [[nodiscard]] std::uint64_t client_count() const override { return 2; }
  void close() override {
    store_.reset();
    other_.reset();
  }

 private:
  e2e::Daemon daemon_;
  std::shared_ptr<ObjectStore> store_;
  std::shared_ptr<ObjectStore> other_;
};

}  // namespace

std::unique_ptr<StoreUnderTest> open_with_daemon(const StoreConfig& config) {
  return std::make_unique<WithDaemon>(config);
}

}  // namespace dolium::test
