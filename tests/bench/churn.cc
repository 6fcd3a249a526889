// Churn: objects are put into a full store of 256 MiB, and each put evicts the room it needs. Compared with a memcpy of
// the same sizes in the same order, round and round through a warm private mapping of 256 MiB. The maximum of both
// includes interruptions by the kernel, and the copy of the largest object.

#include <algorithm>
#include <cstring>

#include "tests/bench/limits.h"

namespace {

using namespace dolium;
using namespace dolium::bench;

constexpr std::uint64_t kCapacity = 256 * kMiB;
constexpr std::uint64_t kLargest = 16 * kMiB;
constexpr std::uint64_t kSliceBytes = 64 * kMiB;

using SizeOf = std::function<std::uint64_t(std::uint64_t number)>;

/// Works through the sizes in order, kSliceBytes at a time.
class Sizes {
 public:
  explicit Sizes(SizeOf size_of) : size_of_(std::move(size_of)) {}

  /// Calls work(number, size) for one slice, and returns nanoseconds per byte.
  double slice(const std::function<void(std::uint64_t, std::uint64_t)>& work) {
    std::uint64_t bytes = 0;
    const std::int64_t begin = now_ns();
    for (; bytes < kSliceBytes; ++next_) {
      const std::uint64_t size = size_of_(next_);
      work(next_, size);
      bytes += size;
    }
    return static_cast<double>(now_ns() - begin) / static_cast<double>(bytes);
  }

 private:
  SizeOf size_of_;
  std::uint64_t next_ = 0;
};

/// Copies one behind the other, from the beginning again at the end.
class Ring {
 public:
  Ring() : memory_(kCapacity) {}
  void copy(std::span<const std::byte> bytes) {
    if (at_ + bytes.size() > kCapacity) at_ = 0;
    std::memcpy(memory_.bytes().data() + at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }

 private:
  WarmMemory memory_;
  std::size_t at_ = 0;
};

void fill(Client& client, Sizes& sizes, std::span<const std::byte> source) {
  for (std::uint64_t bytes = 0; bytes < 2 * kCapacity; bytes += kSliceBytes)
    sizes.slice(
        [&](std::uint64_t number, std::uint64_t size) { must(client.put(numbered_id(number), source.first(size))); });
}

void measure(Report& report, int core_count, const std::string& mix, const std::string& worst_goal,
             const SizeOf& size_of) {
  const Cores cores(core_count);
  const Daemon daemon({.capacity = kCapacity});
  const auto client = daemon.connect();
  const WarmMemory source(kLargest);
  Sizes to_put(size_of);
  Sizes to_copy(size_of);
  Ring ring;
  fill(*client, to_put, source.bytes());
  Samples puts, copies;  // each by itself, of the rounds that count
  Samples puts_of_round, copies_of_round;
  Contest contest;
  contest.add("put", [&](Samples& samples) {
    puts_of_round = {};
    samples.add(to_put.slice([&](std::uint64_t number, std::uint64_t size) {
      puts_of_round.add(time_ns([&] { must(client->put(numbered_id(number), source.bytes().first(size))); }));
    }));
  });
  contest.add("memcpy", [&](Samples& samples) {
    copies_of_round = {};
    samples.add(to_copy.slice([&](std::uint64_t, std::uint64_t size) {
      copies_of_round.add(time_ns([&] { ring.copy(source.bytes().first(size)); }));
    }));
  });
  contest.run(report.rounds(64, 16), [&] {  // 64 slices are 4 GiB
    puts.add_all(puts_of_round);
    copies.add_all(copies_of_round);
  });
  report.add({"churn, " + mix, cores.name(), 1 / contest.of("put").median(), "GB/s", "memcpy",
              1 / contest.of("memcpy").median(), 1 / contest.ratio("put", "memcpy"), ">= 0.85"});
  const auto beside_memcpy = [&](const char* what, double put, double copy, const std::string& goal) {
    report.add({"churn, " + mix + ": " + what, cores.name(), put / 1e6, "ms", "memcpy", copy / 1e6, put / copy, goal});
  };
  beside_memcpy("p99 of puts", puts.percentile(0.99), copies.percentile(0.99), {});
  beside_memcpy("worst put", puts.most(), copies.most(), worst_goal);
}

}  // namespace

int main(int argc, char** argv) {
  Report report(argc, argv, "churn: puts into a full store of 256 MiB");
  for (const int cores : {2, 1}) {
    measure(report, cores, "1 MiB", "< 1 ms", [](std::uint64_t) { return kMiB; });
    measure(report, cores, "log-uniform 1 KiB..16 MiB", "< 5 ms",
            [](std::uint64_t number) { return log_uniform(number, kKiB, kLargest); });
  }
}
