// One hot object: seven processes get one id in a loop and look at the first and the last byte, while one writer
// replaces the object under it (remove, put), or does nothing. Both in turn; gets and replacements a second.
//
// Every version is filled with one byte: a reader that sees two different ones has been shown a reused extent, and
// the program fails. A get between remove and put finds nothing: a miss, counted apart.

#include <deque>

#include "tests/bench/process.h"

namespace {

using namespace dolium;
using namespace dolium::bench;

constexpr int kReaders = 7;
constexpr std::uint64_t kChecked = 64;  // gets between two looks at the clock

ObjectId hot_id() {
  return numbered_id(0);
}

/// For as many milliseconds as it is told; tells gets that hit and gets that missed, a second.
Child reader(const Daemon& daemon) {
  return Child([&daemon](const Channel& channel) {
    const auto client = daemon.connect();
    double milliseconds = 0;
    while (channel.hear(milliseconds)) {
      const std::int64_t begin = now_ns();
      const std::int64_t end = begin + static_cast<std::int64_t>(milliseconds * 1e6);
      double hits = 0, misses = 0;
      while (now_ns() < end) {
        for (std::uint64_t i = 0; i < kChecked; ++i) {
          const std::optional<Object> object = client->try_get(hot_id());
          if (object) require(object->data().front() == object->data().back(), "a reader saw two versions in one");
          ++(object ? hits : misses);
        }
      }
      const double seconds = static_cast<double>(now_ns() - begin) / 1e9;
      channel.tell(hits / seconds);
      channel.tell(misses / seconds);
    }
  });
}

/// Replaces the object for as long, or as soon as told sleeps; tells replacements a second.
double replace(Client& client, double milliseconds, std::uint64_t& version) {
  std::vector<std::byte> data(kKiB);
  const std::int64_t begin = now_ns();
  double replaced = 0;
  while (static_cast<double>(now_ns() - begin) < milliseconds * 1e6) {
    std::ranges::fill(data, static_cast<std::byte>(++version));
    require(must(client.remove(hot_id())), "the hot object is gone");
    must(client.put(hot_id(), data));
    ++replaced;
  }
  return replaced * 1e9 / static_cast<double>(now_ns() - begin);
}

struct Rates {
  Samples hits, misses, replaced;
};

void round(Rates& rates, const std::deque<Child>& readers, double milliseconds, const std::function<double()>& write) {
  for (const Child& each : readers) each.channel().tell(milliseconds);
  rates.replaced.add(write());
  double hits = 0, misses = 0;
  for (const Child& each : readers) {
    hits += each.channel().must_hear();
    misses += each.channel().must_hear();
  }
  rates.hits.add(hits);
  rates.misses.add(misses);
}

}  // namespace

int main(int argc, char** argv) {
  Report report(argc, argv, "hot_object: one writer and seven readers on one object of 1 KiB");
  const Daemon daemon;
  std::deque<Child> readers;
  for (int i = 0; i < kReaders; ++i) readers.push_back(reader(daemon));
  const auto client = daemon.connect();
  must(client->put(hot_id(), std::vector<std::byte>(kKiB)));
  const double milliseconds = report.smoke() ? 10 : report.quick() ? 100 : 400;
  std::uint64_t version = 0;
  Rates quiet, busy;
  for (int i = 0; i < report.rounds(9, 3); ++i) {
    round(quiet, readers, milliseconds, [] { return 0.0; });
    round(busy, readers, milliseconds, [&] { return replace(*client, milliseconds, version); });
  }
  const std::string cores = std::to_string(usable_cores());
  report.add({"gets a second, the writer does nothing", cores, quiet.hits.median(), "/s"});
  report.add({"gets a second, the writer replaces it", cores, busy.hits.median(), "/s", "writer does nothing",
              quiet.hits.median(), busy.hits.median() / quiet.hits.median()});
  report.add({"  replacements a second meanwhile", cores, busy.replaced.median(), "/s"});
  report.add({"  gets a second that find nothing, between remove and put", cores, busy.misses.median(), "/s"});
}
