// A spill process that stands still, as over a disk that hangs. What is in memory is got as ever; everything else ends
// with a clear error by its deadline.

#include <catch2/catch.hpp>
#include <csignal>

#include "tests/client/store_under_test.h"
#include "tests/e2e/kept_objects.h"
#include "tests/e2e/spill_daemon.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

constexpr std::size_t kFrozenBytes = 200'000;
constexpr Timeout kShort = std::chrono::milliseconds(300);

/// SIGSTOP and SIGCONT to the spill process.
class Frozen {
 public:
  explicit Frozen(SpillDaemon& daemon) : process_(daemon.spiller()) {
    REQUIRE(process_ != 0);
    REQUIRE(::kill(process_, SIGSTOP) == 0);
  }
  Frozen(const Frozen&) = delete;
  Frozen& operator=(const Frozen&) = delete;
  ~Frozen() { static_cast<void>(::kill(process_, SIGCONT)); }

 private:
  pid_t process_;
};

}  // namespace

TEST_CASE("a spill process that stands still: gets of what is in memory go on, all else ends by its deadline") {
  SpillDaemon daemon({"--capacity=4MiB", "--max-objects=1000", "--quarantine-seconds=0"});
  Client& client = *daemon->watcher();
  constexpr std::uint64_t kSpilled = 10;
  for (std::uint64_t number = 0; number < kSpilled; ++number)
    REQUIRE(outcome(keep(client, number, kFrozenBytes)) == "ok");
  REQUIRE(outcome(daemon.write_all()) == "ok");
  REQUIRE(daemon->stats().spilled_count == kSpilled);
  std::uint64_t count = kSpilled;
  std::optional<Error> why;
  {
    const Frozen frozen(daemon);
    for (; !why && count < 100; ++count)
      if (const Result<void> done = keep(client, count, kFrozenBytes, kShort); !done) why = done.error(), --count;
    REQUIRE(why);
    CAPTURE(to_string(*why));
    CHECK((why->code == Errc::timed_out || why->code == Errc::out_of_memory));
    CHECK(count > kSpilled + 10);  // memory took those
    const auto waits = client.create(kept_id(1000), 2 * kMiB, {.timeout = kShort, .retention = Retention::cache});
    REQUIRE_FALSE(waits);
    CHECK((waits.error().code == Errc::timed_out || waits.error().code == Errc::out_of_memory));
    for (std::uint64_t number = kSpilled; number < count; ++number) {
      const Result<Object> object = client.get_raw(kept_id(number));
      REQUIRE(outcome(object) == "ok");
      CHECK(is_payload(object->data(), kept_id(number)));
    }
    for (std::uint64_t number = 0; number < 3; ++number) {
      const Result<Object> object = client.get_raw(kept_id(number), kShort);
      REQUIRE_FALSE(object);
      CAPTURE(to_string(object.error()));
      CHECK((object.error().code == Errc::tier_unavailable || object.error().code == Errc::out_of_memory));
      CHECK_THAT(object.error().message, Catch::Contains("disk"));
    }
    CHECK_FALSE(client.try_get(kept_id(0)).has_value());
    CHECK(client.exists(kept_id(0)).value());
    CHECK(client.metadata(kept_id(0))->data_size == kFrozenBytes);
    CHECK(client.list().value().size() == count);
    CHECK(outcome(client.ping()) == "ok");
    REQUIRE(client.remove(kept_id(1)).value());  // immediate
    CHECK_FALSE(client.exists(kept_id(1)).value());
  }
  for (std::uint64_t number = 0; number < count; ++number) {
    if (number == 1) continue;
    CAPTURE(number);
    const Result<Object> object = client.get_raw(kept_id(number), kPatient);
    REQUIRE(outcome(object) == "ok");
    CHECK(is_payload(object->data(), kept_id(number)));
  }
  REQUIRE(outcome(keep(client, 1, kFrozenBytes)) == "ok");
}
