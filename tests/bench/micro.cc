// Google Benchmark over the parts, each alone: arena, index, eviction and codec, with a thousand objects and a million.
// What is O(1) or O(log n) stays nearly level between the two (cache misses apart); what walks all objects does not.
//
//   build/tests/bench/bench_micro --benchmark_filter=index      (or: scripts/bench --only micro)

#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "protocol/codec.h"
#include "shm/arena/arena.h"
#include "shm/eviction/eviction.h"
#include "shm/table/index_reader.h"
#include "shm/table/object_index.h"
#include "tests/bench/harness.h"

namespace {

using namespace dolium;
using namespace dolium::bench;
using namespace dolium::shm;

constexpr std::int64_t kFew = 1000;
constexpr std::int64_t kMany = 1'000'000;
constexpr std::uint64_t kObjectBytes = 128;

std::uint32_t count_of(const benchmark::State& state) {
  return static_cast<std::uint32_t>(state.range(0));
}

// ---- arena ----

/// Full, but for every 16th extent: free ones lie scattered.
struct FullArena {
  explicit FullArena(std::uint32_t count) : arena(count * kObjectBytes, count), objects(count) {
    for (SlotIndex slot = 0; slot < count; ++slot) require(arena.allocate(kObjectBytes, slot).has_value(), "no room");
  }
  Arena arena;
  std::uint32_t objects;
};

void arena_free_and_allocate(benchmark::State& state) {
  FullArena full(count_of(state));
  for (SlotIndex slot = 0; slot < full.objects; slot += 16) full.arena.free(slot);
  std::uint64_t number = 0;
  for (auto _ : state) {
    const auto slot = static_cast<SlotIndex>(scramble(number++) % (full.objects / 16) * 16 + 1);
    full.arena.free(slot);
    benchmark::DoNotOptimize(full.arena.allocate(kObjectBytes, slot));
  }
}

// ---- index ----

struct FullIndex {
  explicit FullIndex(std::uint32_t count)
      : index(must(ObjectIndex::create(count + 1, kGiB))),
        mapping(must(index.segment().map(Mapping::Mode::read_only))),
        reader(must(IndexReader::open(mapping.data(), mapping.size()))) {
    for (std::uint32_t i = 0; i < count; ++i) put(numbered_id(i));
    for (std::uint32_t i = 0; i < kAsked; ++i) {
      present.push_back(numbered_id(scramble(i) % count));
      absent.push_back(numbered_id(i, 1));
    }
  }

  SlotIndex put(const ObjectId& id) {
    const SlotIndex slot = must(index.take());
    index.write(slot, {id, 0, kObjectBytes});
    index.publish(slot, id);
    return slot;
  }

  static constexpr std::uint32_t kAsked = 1 << 16;
  ObjectIndex index;
  Mapping mapping;
  IndexReader reader;
  std::vector<ObjectId> present, absent;
};

void find_each(benchmark::State& state, const IndexReader& reader, const std::vector<ObjectId>& ids,
               IndexReader::Verdict expected) {
  std::size_t next = 0;
  for (auto _ : state)
    if (reader.find(ids[next++ % ids.size()]).verdict != expected) return state.SkipWithError("found the wrong thing");
}

void index_find_hit(benchmark::State& state) {
  const FullIndex full(count_of(state));
  find_each(state, full.reader, full.present, IndexReader::Verdict::found);
}

void index_find_miss(benchmark::State& state) {
  const FullIndex full(count_of(state));
  find_each(state, full.reader, full.absent, IndexReader::Verdict::absent);
}

void index_publish_and_unlink(benchmark::State& state) {
  FullIndex full(count_of(state));
  std::size_t next = 0;
  for (auto _ : state) {
    const SlotIndex slot = full.put(full.absent[next++ % full.absent.size()]);
    full.index.begin_retire(slot);
    full.index.unlink(slot);
    full.index.release(slot);
  }
}

// ---- eviction ----

/// Objects that nobody uses, coldest first by number.
class Unused final : public Candidates, public Policy {
 public:
  [[nodiscard]] EvictionKey key(SlotIndex slot) const override { return keys[slot]; }
  Use refresh(SlotIndex) override { return Use::unused; }
  [[nodiscard]] std::uint32_t hit_sum(SlotIndex) override { return 0; }
  [[nodiscard]] std::uint64_t id_hash(SlotIndex slot) const override { return slot; }
  void prefetch(SlotIndex, int) const override {}
  std::vector<EvictionKey> keys;
};

/// What a put into a full store costs beside the copy: plan, free what is planned, allocate, insert.
void eviction_plan(benchmark::State& state, std::uint64_t size_bytes) {
  FullArena full(count_of(state));
  Unused unused;
  Eviction eviction(full.arena, unused, unused, full.objects);
  for (std::uint64_t i = 0; i < full.objects; ++i) unused.keys.push_back({scramble(i), i});
  for (SlotIndex slot = 0; slot < full.objects; ++slot) eviction.insert(slot);
  std::uint64_t now = ~std::uint64_t{0} / 2;
  for (auto _ : state) {
    const std::vector<SlotIndex> victims = eviction.plan(size_bytes);
    if (victims.empty()) return state.SkipWithError("nothing to evict");
    for (const SlotIndex victim : victims) {
      eviction.erase(victim);
      full.arena.free(victim);
    }
    // The same slots come back as small objects, so that the store stays as it was.
    for (const SlotIndex victim : victims) {
      benchmark::DoNotOptimize(full.arena.allocate(kObjectBytes, victim));
      unused.keys[victim] = {++now, now};
      eviction.insert(victim);
    }
  }
}

// ---- codec ----

protocol::PutRequestT put_request(std::size_t bytes) {
  protocol::PutRequestT put;
  put.heads.emplace_back(protocol::Id(), 0, false, 0, protocol::Retention::store_default,
                         static_cast<std::uint32_t>(bytes), 0, 0, 0, 0, 0, 1);
  put.bytes.assign(bytes, 7);
  return put;
}

void codec_encode_put(benchmark::State& state) {
  protocol::Encoder encoder;
  for (auto _ : state) benchmark::DoNotOptimize(must(encoder.encode(1, put_request(kKiB))));
}

void codec_decode_put(benchmark::State& state) {
  protocol::Encoder encoder;
  const auto frame = must(encoder.encode(1, put_request(kKiB)));
  const std::vector<std::byte> payload(frame.begin() + protocol::kFrameHeaderBytes, frame.end());  // aligned by new
  for (auto _ : state) benchmark::DoNotOptimize(must(protocol::decode<protocol::RequestFrame>(payload)));
}

BENCHMARK(arena_free_and_allocate)->Arg(kFew)->Arg(kMany);
BENCHMARK(index_find_hit)->Arg(kFew)->Arg(kMany);
BENCHMARK(index_find_miss)->Arg(kFew)->Arg(kMany);
BENCHMARK(index_publish_and_unlink)->Arg(kFew)->Arg(kMany);
BENCHMARK_CAPTURE(eviction_plan, one_object, kObjectBytes)->Arg(kFew)->Arg(kMany);
BENCHMARK_CAPTURE(eviction_plan, a_window_of_ten, 10 * kObjectBytes)->Arg(kFew)->Arg(kMany);
BENCHMARK(codec_encode_put);
BENCHMARK(codec_decode_put);

}  // namespace

BENCHMARK_MAIN();
