// Putting 1 MiB and 64 MiB: create, write, seal into memory that has been written before, beside a plain memcpy of
// the same bytes into a warm private mapping; then by a client that has just connected, and read by another such.
// The object is removed again outside the measured time, so that the next one gets the same, warm, extent.

#include <cstring>
#include <numeric>

#include <unistd.h>

#include "tests/bench/limits.h"

namespace {

using namespace dolium;
using namespace dolium::bench;

constexpr std::uint64_t kSettleMs = 3000;  // "once the daemon has been up for some seconds"

double gb_per_s(std::uint64_t bytes, double ns) {
  return static_cast<double>(bytes) / ns;
}

std::string size_name(std::uint64_t bytes) {
  return std::to_string(bytes / kMiB) + " MiB";
}

double put_and_remove_ns(Client& client, const ObjectId& id, std::span<const std::byte> data) {
  const double taken = time_ns([&] {
    ObjectBuilder builder = must(client.create(id, data.size()));
    must(builder.write(data));
    must(builder.seal());
  });
  require(must(client.remove(id)), "the object is gone");
  return taken;
}

void warm(Report& report, int core_count, std::uint64_t bytes) {
  const Cores cores(core_count);
  const Daemon daemon;
  const auto client = daemon.connect();
  const WarmMemory source(bytes);
  const WarmMemory target(bytes);
  const SocketPingPong bare;
  const int repeats = static_cast<int>(std::max<std::uint64_t>(1, 16 * kMiB / bytes));
  Contest contest;
  contest.add("put", [&, next = std::uint64_t{0}](Samples& samples) mutable {
    for (int i = 0; i < repeats; ++i) samples.add(put_and_remove_ns(*client, numbered_id(next++), source.bytes()));
  });
  contest.add("memcpy", [&](Samples& samples) {
    for (int i = 0; i < repeats; ++i)
      samples.add(time_ns([&] { std::memcpy(target.bytes().data(), source.bytes().data(), bytes); }));
  });
  contest.add("memcpy and two trips", [&](Samples& samples) {
    for (int i = 0; i < repeats; ++i)
      samples.add(time_ns([&] {
        bare.round_trip();
        std::memcpy(target.bytes().data(), source.bytes().data(), bytes);
        bare.round_trip();
      }));
  });
  contest.run(report.rounds(40, 12));
  report.add({"put " + size_name(bytes) + ", warm", cores.name(), gb_per_s(bytes, contest.of("put").median()), "GB/s",
              "memcpy + 2 round trips", gb_per_s(bytes, contest.of("memcpy and two trips").median()),
              1 / contest.ratio("put", "memcpy and two trips"), bytes == kMiB ? ">= 0.85" : ">= 0.95"});
  report.add({"put " + size_name(bytes) + ", warm", cores.name(), gb_per_s(bytes, contest.of("put").median()), "GB/s",
              "memcpy", gb_per_s(bytes, contest.of("memcpy").median()), 1 / contest.ratio("put", "memcpy")});
}

/// What a process does that has just come: connects, waits `pause`, and writes or reads once.
double fresh_client_ns(const Daemon& daemon, std::chrono::milliseconds pause,
                       const std::function<double(Client&)>& work) {
  const Child child([&](const Channel& channel) {
    const auto client = daemon.connect();
    ::usleep(static_cast<useconds_t>(pause.count()) * 1000);
    channel.tell(work(*client));
  });
  return child.channel().must_hear();
}

double read_ns(Client& client, const ObjectId& id) {
  std::uint64_t sum = 0;
  const double taken = time_ns([&] {
    const Object object = must(client.get_raw(id));
    const std::span<const std::uint64_t> words = must(object.as_span<std::uint64_t>());
    sum = std::accumulate(words.begin(), words.end(), std::uint64_t{0});
  });
  require(sum != 0, "nothing was read");
  return taken;
}

void first_touch(Report& report, int core_count, std::uint64_t bytes, std::chrono::milliseconds pause) {
  const Cores cores(core_count);
  const Daemon daemon;
  ::usleep(report.smoke() ? 0 : kSettleMs * 1000);
  const WarmMemory source(bytes);
  const WarmMemory target(bytes);
  const ObjectId kept = numbered_id(1, 1);
  must(daemon.connect()->put(kept, source.bytes()));
  Contest contest;
  contest.add("write", [&, next = std::uint64_t{0}](Samples& samples) mutable {
    samples.add(fresh_client_ns(
        daemon, pause, [&](Client& client) { return put_and_remove_ns(client, numbered_id(next++), source.bytes()); }));
  });
  contest.add("read", [&](Samples& samples) {
    samples.add(fresh_client_ns(daemon, pause, [&](Client& client) { return read_ns(client, kept); }));
  });
  contest.add("read again", [&](Samples& samples) {
    samples.add(fresh_client_ns(daemon, pause, [&](Client& client) {
      static_cast<void>(read_ns(client, kept));
      return read_ns(client, kept);
    }));
  });
  contest.add("memcpy", [&](Samples& samples) {
    samples.add(time_ns([&] { std::memcpy(target.bytes().data(), source.bytes().data(), bytes); }));
  });
  contest.run(report.rounds(12, 4));
  const std::string when = pause.count() == 0 ? "at once" : "connected " + std::to_string(pause.count()) + " ms ago";
  const double copy = gb_per_s(bytes, contest.of("memcpy").median());
  report.add({"first put of " + size_name(bytes) + " by a new client, " + when, cores.name(),
              gb_per_s(bytes, contest.of("write").median()), "GB/s", "memcpy", copy,
              1 / contest.ratio("write", "memcpy"), ">= 6 GB/s"});
  report.add({"first read of " + size_name(bytes) + " by a new client, " + when, cores.name(),
              gb_per_s(bytes, contest.of("read").median()), "GB/s", "its second read",
              gb_per_s(bytes, contest.of("read again").median()), 1 / contest.ratio("read", "read again"),
              ">= 20 GB/s"});
}

}  // namespace

int main(int argc, char** argv) {
  Report report(argc, argv, "put_large: create, write, seal; GB/s, more is better");
  for (const int cores : {2, 1}) {
    warm(report, cores, kMiB);
    warm(report, cores, 64 * kMiB);
  }
  first_touch(report, 2, 64 * kMiB, std::chrono::milliseconds(0));
  first_touch(report, 2, 64 * kMiB, std::chrono::milliseconds(500));
}
