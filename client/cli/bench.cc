// bench: measures this store, as seen by this user, in a few seconds and without evicting objects. Removes its objects
// at the end; if it is killed, they expire soon. scripts/bench measures thoroughly.

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <random>

#include "client/cli/json_text.h"
#include "client/cli/printable.h"
#include "client/cli/table.h"
#include "client/cli/time_text.h"
#include "client/cli/verbs.h"
#include "shm/text/size_text.h"

namespace dolium::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kTimePerRow{500};
constexpr std::size_t kMaxSamples = 100'000;
constexpr std::size_t kSmall = 1024;
constexpr std::size_t kMaxSmallObjects = 10'000;
constexpr std::size_t kMaxLarge = std::size_t{64} << 20;
constexpr std::size_t kMinLarge = std::size_t{64} << 10;
/// A single get is too short to be timed, so a sample is the mean of this number of gets.
constexpr std::size_t kGetsPerSample = 100;

struct Row {
  std::string what;
  std::size_t bytes = 0;  ///< bytes per operation; 0: none
  std::size_t count = 0;
  std::chrono::nanoseconds p50{}, p99{}, mean{};
};

/// The objects of this benchmark. The destructor removes them.
class Litter {
 public:
  explicit Litter(Client& client) : client_(client) {}
  Litter(const Litter&) = delete;
  Litter& operator=(const Litter&) = delete;
  ~Litter() {
    for (const ObjectId& id : ids_) static_cast<void>(client_.remove(id));
  }
  /// Options for an object that expires soon.
  static CreateOptions options() {
    CreateOptions options;
    options.type_name = "dolium.bench";
    options.time_to_live = std::chrono::seconds(60);
    return options;
  }
  void add(const ObjectId& id) { ids_.push_back(id); }
  [[nodiscard]] const std::vector<ObjectId>& ids() const noexcept { return ids_; }

 private:
  Client& client_;
  std::vector<ObjectId> ids_;
};

/// Repeats `once` for kTimePerRow, at most `most` times. Each call does `unit` operations.
template <class Once>
Result<Row> measure(std::string what, std::size_t bytes, std::size_t most, std::size_t unit, Once once) {
  std::vector<std::chrono::nanoseconds> samples;
  const auto begin = Clock::now();
  std::chrono::nanoseconds total{0};
  while (samples.size() < std::min(most, kMaxSamples) && (samples.empty() || Clock::now() - begin < kTimePerRow)) {
    const Result<std::chrono::nanoseconds> taken = once();
    if (!taken) return taken.error();
    samples.push_back(*taken / static_cast<long>(unit));
    total += *taken;
  }
  std::ranges::sort(samples);
  const std::size_t count = samples.size() * unit;
  return Row{std::move(what),
             bytes,
             count,
             samples[samples.size() / 2],
             samples[samples.size() * 99 / 100],
             total / static_cast<long>(count)};
}

template <class Work>
Result<std::chrono::nanoseconds> timed(Work work) {
  const auto begin = Clock::now();
  if (Result<void> done = work(); !done) return std::move(done).error();
  return Clock::now() - begin;
}

Result<Row> bench_ping(Client& client) {
  return measure("round trip", 0, kMaxSamples, 1, [&] { return timed([&] { return client.ping(); }); });
}

Result<Row> bench_put(Client& client, Litter& litter, std::size_t most) {
  const std::vector<std::byte> bytes(kSmall, std::byte{1});
  return measure("put", kSmall, most, 1, [&] {
    const ObjectId id = ObjectId::random();
    litter.add(id);
    return timed([&] { return client.put(id, bytes, Litter::options()); });
  });
}

Result<Row> bench_get(Client& client, const Litter& litter) {
  std::minstd_rand random(1);
  std::uniform_int_distribution<std::size_t> any(0, litter.ids().size() - 1);
  std::vector<ObjectId> chosen(kGetsPerSample);
  return measure("get", kSmall, kMaxSamples, kGetsPerSample, [&] {
    for (ObjectId& id : chosen) id = litter.ids()[any(random)];
    return timed([&]() -> Result<void> {
      for (const ObjectId& id : chosen)
        if (auto object = client.get_raw(id); !object) return std::move(object).error();
      return {};
    });
  });
}

Result<void> create_write_seal(Client& client, const ObjectId& id, std::span<const std::byte> bytes) {
  Result<ObjectBuilder> builder = client.create(id, bytes.size(), Litter::options());
  if (!builder) return builder.error();
  if (auto written = builder->write(bytes); !written) return written;
  const Result<ObjectId> sealed = builder->seal();
  return sealed ? Result<void>() : Result<void>(sealed.error());
}

/// The first object is not measured: it touches new memory, which mainly costs time in the kernel.
Result<Row> bench_large(Client& client, std::span<const std::byte> bytes) {
  const auto once = [&]() -> Result<std::chrono::nanoseconds> {
    const ObjectId id = ObjectId::random();
    auto taken = timed([&] { return create_write_seal(client, id, bytes); });
    if (!taken) return taken;
    const Result<bool> removed = client.remove(id);
    return removed ? taken : removed.error();
  };
  if (const auto warm = once(); !warm) return warm.error();
  return measure("create, write, seal", bytes.size(), kMaxSamples, 1, once);
}

Result<Row> bench_memcpy(std::span<const std::byte> bytes) {
  std::vector<std::byte> target(bytes.size());
  return measure("memcpy, for comparison", bytes.size(), kMaxSamples, 1, [&] {
    return timed([&]() -> Result<void> {
      std::memcpy(target.data(), bytes.data(), bytes.size());
      asm volatile("" : : "r"(target.data()) : "memory");  // keeps the compiler from removing the copy
      return {};
    });
  });
}

double rate(const Row& row) {
  return 1e9 / static_cast<double>(std::max<std::int64_t>(1, row.mean.count()));
}

void print_rows(const std::vector<Row>& rows) {
  using enum Table::Align;
  Table table({{"WHAT"},
               {"SIZE", right},
               {"COUNT", right},
               {"P50", right},
               {"P99", right},
               {"PER SECOND", right},
               {"BYTES", right}});
  for (const Row& row : rows)
    table.add(
        {row.what, row.bytes == 0 ? "" : format_size(row.bytes), grouped(row.count), format_latency(row.p50),
         format_latency(row.p99), grouped(static_cast<std::uint64_t>(rate(row))),
         row.bytes < kMinLarge ? "" : fmt::format("{:.1f} GB/s", rate(row) * static_cast<double>(row.bytes) / 1e9)});
  fmt::print("{}", table.text());
}

void print_rows_json(const std::vector<Row>& rows) {
  Json array = Json::array();
  for (const Row& row : rows)
    array.push_back({{"what", row.what},
                     {"size", row.bytes},
                     {"count", row.count},
                     {"p50_ns", row.p50.count()},
                     {"p99_ns", row.p99.count()},
                     {"per_second", rate(row)}});
  print_json(array);
}

Result<std::vector<Row>> run_all(Client& client, std::size_t small_objects, std::size_t large) {
  Litter litter(client);
  const std::vector<std::byte> bytes(large, std::byte{1});
  std::vector<Row> rows;
  const auto keep = [&rows](Result<Row> row) -> Result<void> {
    if (!row) return std::move(row).error();
    rows.push_back(*std::move(row));
    return {};
  };
  if (auto kept = keep(bench_ping(client)); !kept) return std::move(kept).error();
  if (auto kept = keep(bench_put(client, litter, small_objects)); !kept) return std::move(kept).error();
  if (auto kept = keep(bench_get(client, litter)); !kept) return std::move(kept).error();
  if (auto kept = keep(bench_large(client, bytes)); !kept) return std::move(kept).error();
  if (auto kept = keep(bench_memcpy(bytes)); !kept) return std::move(kept).error();
  return rows;
}

Result<void> bench(const Globals& globals) {
  const auto client = connect(globals, Access::read_write);
  if (!client) return client.error();
  const Result<StoreStats> stats = (*client)->stats();
  if (!stats) return stats.error();
  // Small objects take a quarter of the free memory, a large one half of the largest piece: so nothing is evicted.
  const std::size_t small_objects = std::min<std::size_t>(kMaxSmallObjects, stats->free_bytes / 4 / (2 * kSmall));
  const std::size_t large = std::min(kMaxLarge, std::bit_floor(stats->largest_free_extent / 2));
  if (small_objects == 0 || large < kMinLarge)
    return Error{
        Errc::out_of_memory,
        fmt::format(
            "only {} are free, {} in one piece, so the benchmark would evict objects; evict or remove some first",
            format_size(stats->free_bytes), format_size(stats->largest_free_extent))};
  const auto rows = run_all(**client, small_objects, large);
  if (!rows) return rows.error();
  globals.json ? print_rows_json(*rows) : print_rows(*rows);
  return {};
}

}  // namespace

void add_bench(CommandLine& line) {
  line.add("bench", "measure puts and gets against this daemon, for a few seconds", bench);
}

}  // namespace dolium::cli
