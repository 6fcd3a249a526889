// Putting 1 KiB: in one message (put), in two (create, write, seal), many in one (put_many), and one by one without
// waiting for the answers (put_deferred, up to the flush() that hears them all), beside a bare round trip over a Unix
// socket. Everything back to back: the processes hardly sleep. And into a full store, where for each object that comes
// the coldest of a million goes; and into one where no two are of one size, so that room is to be found, too.

#include <csignal>

#include <atomic>
#include <random>
#include <vector>

#include "tests/bench/limits.h"
#include "tests/bench/syscalls.h"

namespace {

using namespace dolium;
using namespace dolium::bench;

constexpr std::size_t kObjectBytes = kKiB;
constexpr int kPuts = 200;                  // a slice
constexpr std::size_t kDeferred = 2000;     // a slice
constexpr std::size_t kMany = 10'000;       // by put_many, a slice
constexpr std::size_t kFull = 1'200'000;    // more than fit into a GiB
constexpr std::size_t kLargest = 4 * kKiB;  // of many sizes; the smallest is an eighth

/// Puts under fresh ids, and forgets them between slices so that nothing is ever evicted.
class Putter {
 public:
  enum class Sizes : std::uint8_t { one, many };

  explicit Putter(const Daemon& daemon, Sizes sizes = Sizes::one) : client_(daemon.connect()), sizes_(sizes) {}

  void put() { must(client_->put(next_id(), next_data())); }
  void create() {
    const auto data = next_data();
    ObjectBuilder builder = must(client_->create(next_id(), data.size()));
    must(builder.write(data));
    must(builder.seal());
  }
  /// kMany objects, `count` in a call, one call after the other: the items are made before.
  [[nodiscard]] double put_many_ns(std::size_t count) {
    std::vector<PutItem> items;
    for (std::size_t i = 0; i < kMany; ++i) items.push_back({next_id(), next_data()});
    return time_ns([&] {
      for (std::size_t begin = 0; begin < kMany; begin += count)
        for (const Result<void>& outcome : must(client_->put_many(std::span(items).subspan(begin, count))))
          must(outcome);
    });
  }
  [[nodiscard]] double deferred_ns(std::size_t count) {
    return time_ns([&] {
      for (std::size_t i = 0; i < count; ++i) must(client_->put_deferred(next_id(), next_data()));
      require(must(client_->flush()).empty(), "a deferred put failed");
    });
  }

  void clear() { must(client_->clear()); }
  void ping() { must(client_->ping()); }

 private:
  ObjectId next_id() { return numbered_id(next_++); }

  [[nodiscard]] std::span<const std::byte> next_data() {
    const std::span<const std::byte> data(data_);
    return data.first(sizes_ == Sizes::one ? kObjectBytes : kLargest / 8 + random_() % (kLargest * 7 / 8));
  }

  std::shared_ptr<Client> client_;
  Sizes sizes_;
  std::minstd_rand random_{1};
  std::uint64_t next_ = 0;
  std::vector<std::byte> data_ = std::vector<std::byte>(kLargest, std::byte{7});
};

Contest::Slice repeated(std::function<void()> call) {
  return [call = std::move(call)](Samples& samples) {
    for (int i = 0; i < kPuts; ++i) samples.add(time_ns(call));
  };
}

Contest::Slice many(Putter& putter, std::size_t count) {
  return [&putter, count](Samples& samples) {
    samples.add(putter.put_many_ns(count) / static_cast<double>(kMany));
    putter.clear();
  };
}

Contest::Slice deferred(Putter& putter, std::size_t count) {
  return [&putter, count](Samples& samples) {
    samples.add(putter.deferred_ns(count) / static_cast<double>(count));
    putter.clear();
  };
}

/// Of samples that are nanoseconds an object.
Figure rate(const std::string& name, const Cores& cores, const Samples& samples, const std::string& goal = {}) {
  return {name, cores.name(), 1e9 / samples.median(), "/s", {}, 0, {}, goal};
}

/// Slices of the same length, for a store that is full, and stays it.
void measure_full(Report& report, int core_count, Putter::Sizes sizes) {
  const Cores cores(core_count);
  const Daemon daemon;
  Putter putter(daemon, sizes);
  for (std::size_t put = 0; put < kFull; put += kMany) static_cast<void>(putter.put_many_ns(1000));
  Contest contest;
  const auto add = [&](const char* name, auto measured) {
    contest.add(name, [measured](Samples& samples) { samples.add(measured() / static_cast<double>(kMany)); });
  };
  add("many", [&] { return putter.put_many_ns(1000); });
  add("deferred", [&] { return putter.deferred_ns(kMany); });
  contest.add("put", repeated([&] { putter.put(); }));
  contest.run(report.rounds(60, 15));
  const std::string into = sizes == Putter::Sizes::one ? " into a full store" : " into a full store of 512 B to 4 KiB";
  report.add(rate("put_deferred" + into + ", a second", cores, contest.of("deferred"), ">= 5e5"));
  report.add(rate("put_many of 1000" + into + ", objects a second", cores, contest.of("many")));
  report.add({"put" + into + ", one by one, a second", cores.name(), 1e9 / contest.of("put").mean(), "/s"});
}

void measure(Report& report, int core_count) {
  const Cores cores(core_count);
  const Daemon daemon;
  Putter putter(daemon);
  const SocketPingPong bare;
  Contest contest;
  contest.add("bare", repeated([&] { bare.round_trip(); }));
  contest.add("ping", repeated([&] { putter.ping(); }));
  contest.add("put", repeated([&] { putter.put(); }));
  contest.add("create", repeated([&] { putter.create(); }));
  contest.add("many 100", many(putter, 100));
  contest.add("many 1000", many(putter, 1000));
  contest.add("deferred", deferred(putter, kDeferred));
  contest.run(report.rounds(60, 15));

  const auto beside_bare = [&](const char* name, const char* key, const char* goal) {
    report.add({name, cores.name(), contest.of(key).median() / 1e3, "us", "bare round trip",
                contest.of("bare").median() / 1e3, contest.ratio(key, "bare"), goal});
  };
  beside_bare("ping: p50", "ping", "");
  beside_bare("put (one round trip): p50", "put", "");
  beside_bare("create, write, seal (two round trips): p50", "create", "");
  report.add({"put, one by one, a second", cores.name(), 1e9 / contest.of("put").mean(), "/s"});
  report.add(rate("put_deferred, one by one and a flush, a second", cores, contest.of("deferred"), ">= 5e5"));
  report.add(rate("put_many of 100, objects a second", cores, contest.of("many 100")));
  report.add(rate("put_many of 1000, objects a second", cores, contest.of("many 1000"), ">= 2e6"));
}

/// Processes that compute, one for each core.
class Crowd {
 public:
  Crowd() {
    for (int i = 0; i < usable_cores(); ++i)
      children_.emplace_back([](const Channel&) {
        for (std::atomic<std::uint64_t> work = 0;;) work.fetch_add(1, std::memory_order_relaxed);
      });
  }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;
  ~Crowd() {
    for (const Child& child : children_) ::kill(child.pid(), SIGKILL);
  }

 private:
  std::vector<Child> children_;
};

/// While others compute on all cores: who looks for an answer before it sleeps must not lose its turn by it.
void measure_crowded(Report& report) {
  const Crowd others;
  const Daemon daemon;
  Putter putter(daemon);
  const SocketPingPong bare;
  Contest contest;
  contest.add("bare", repeated([&] { bare.round_trip(); }));
  contest.add("put", repeated([&] { putter.put(); }));
  contest.run(report.rounds(10, 5));
  report.add({"put while others compute on all cores: mean", std::to_string(usable_cores()),
              contest.of("put").mean() / 1e3, "us", "bare round trip", contest.of("bare").mean() / 1e3,
              contest.ratio("put", "bare")});
}

void count_calls(Report& report) {
  const Daemon daemon;
  for (const char* verb : {"put", "create"}) {
    const SystemCalls calls = count_system_calls({DOLIUM_ONE_CLIENT, daemon.socket(), verb}, 100, 1100);
    if (!calls.reason.empty()) return report.note(calls.reason);
    const std::string name = std::string(verb == std::string("put") ? "put" : "create, write, seal");
    report.add({"client's system calls a " + name + ": " + calls.text(), "", calls.total(), ""});
  }
}

}  // namespace

int main(int argc, char** argv) {
  Report report(argc, argv, "put_small: 1 KiB");
  for (const int cores : {2, 1}) measure(report, cores);
  for (const auto sizes : {Putter::Sizes::one, Putter::Sizes::many})
    for (const int cores : {2, 1}) measure_full(report, cores, sizes);
  measure_crowded(report);
  count_calls(report);
}
