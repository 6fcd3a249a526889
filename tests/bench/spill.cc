// The spill tier (daemon/spill/README.md): a store whose objects of retention `keep` go to disk.
//
//   spill, read back    MB/s of objects of 1 and 64 MiB that are put into a full store, and of such objects that are
//                       got from the disk, beside a file that is written and read directly in blocks of 8 MiB, in turn,
//                       in the same file system. A put waits until an earlier object has made room, so puts run as fast
//                       as the disk takes objects.
//   small objects       objects a second that a full store takes: each put means one write, one clean object evicted
//   p99                 of paced puts, and of gets of objects in memory, while another process puts so much that
//                       the tier writes all the time; beside the same with a store without a tier, where that process
//                       puts as much, and writes as much directly to a file. Daemons and load have one core
//   CPU                 of the server and of the spill process for each of these objects: where other work shares the
//                       machine, this is the figure that counts
//   start               from the start of a daemon to its first answer, with the records of a million small objects,
//                       beside one with an empty directory
//
// --directory: where; a disk, not tmpfs. Needs some 10 GiB there. --part: throughput, small, start or latency alone.

#include <sys/wait.h>

#include <atomic>
#include <thread>

#include "tests/bench/direct_file.h"
#include "tests/bench/process.h"
#include "tests/child_processes.h"

namespace {

using namespace dolium;
using namespace dolium::bench;

Daemon::Options tier(const std::string& directory, std::uint64_t capacity, std::uint64_t objects = 0) {
  return {.capacity = capacity,
          .max_objects = objects,
          .more = {"--spill-directory", directory, "--spill-retention", "keep"}};
}

/// Puts as a client that must not lose an object: what put_many() refuses is put again, and waits.
class Filler {
 public:
  Filler(const Daemon& daemon, std::size_t bytes) : client_(daemon.connect()), data_(bytes) {
    for (std::size_t i = 0; i < bytes; ++i) data_[i] = static_cast<std::byte>(scramble(i));
  }

  void put(std::uint64_t count) {
    for (const std::uint64_t end = next_ + count; next_ < end; ++next_)
      must(client_->put(numbered_id(next_), data_, {.timeout = kPatience}));
  }
  void put_many(std::uint64_t count) {
    constexpr std::uint64_t kAtOnce = 1000;
    for (const std::uint64_t end = next_ + count; next_ < end;) {
      std::vector<PutItem> items;
      for (std::uint64_t i = 0; i < kAtOnce && next_ < end; ++i) items.push_back({numbered_id(next_++), data_});
      const auto outcomes = must(client_->put_many(items));
      for (std::size_t i = 0; i < items.size(); ++i)
        if (!outcomes[i]) must(client_->put(items[i].id, data_, {.timeout = kPatience}));
    }
  }
  /// Round the older half, which is larger than the store: no object is in memory.
  void get(std::uint64_t count, std::uint64_t at_once) {
    for (std::uint64_t got = 0; got < count; got += at_once) {
      std::vector<ObjectId> ids;
      for (std::uint64_t i = 0; i < at_once; ++i) ids.push_back(numbered_id(next_get_++ % (next_ / 2)));
      for (const auto& object : must(client_->get_many(ids, kPatience)))
        require(object && object->data().size() == data_.size(), "an object is missing");
    }
  }
  [[nodiscard]] std::uint64_t count() const noexcept { return next_; }
  /// Objects that are on the disk.
  [[nodiscard]] std::uint64_t on_disk() {
    const StoreStats stats = must(client_->stats());
    return stats.clean_count + stats.spilled_count;
  }

 private:
  static constexpr std::chrono::seconds kPatience{60};

  std::shared_ptr<Client> client_;
  std::vector<std::byte> data_;
  std::uint64_t next_ = 0, next_get_ = 0;
};

// ---- throughput ----

Figure rate(const std::string& name, const Contest& contest, const std::string& contender, const std::string& reference,
            const std::string& goal) {
  constexpr double kNsPerMicrosecond = 1e3;  // samples are ns a MB, and 1 MB/us is 1e6 MB/s
  const auto mb = [&](const std::string& key) { return 1e6 / (contest.of(key).median() / kNsPerMicrosecond); };
  return {name, "", mb(contender), "MB/s", "direct, 8 MiB", mb(reference), 1 / contest.ratio(contender, reference),
          goal};
}

void measure_throughput(Report& report, const DiskDirectory& disk, std::uint64_t object_bytes) {
  const std::string size = std::to_string(object_bytes / kMiB) + " MiB";
  const std::uint64_t capacity = report.smoke() ? 128 * kMiB : 512 * kMiB;
  const std::uint64_t slice = report.smoke() ? 128 * kMiB : 512 * kMiB;
  const int rounds = report.rounds(5, 2);
  const Daemon daemon(tier(disk.make("objects-" + std::to_string(object_bytes)), capacity));
  Filler filler(daemon, object_bytes);
  DirectFile file(disk.path() + "/direct");
  filler.put(capacity / object_bytes);
  const double megabytes = static_cast<double>(slice) / 1e6;
  const auto timed = [megabytes](std::function<void()> work) {
    return [=](Samples& samples) { samples.add(time_ns(work) / megabytes); };
  };
  Contest writes;
  writes.add("direct", timed([&] { file.write(slice); }));
  writes.add("spill", timed([&] { filler.put(slice / object_bytes); }));
  writes.run(rounds);
  report.add(rate("spill, objects of " + size, writes, "spill", "direct", ">= 0.8"));
  Contest reads;
  reads.add("direct", timed([&] { file.read(slice); }));
  reads.add("read back", timed([&] { filler.get(slice / object_bytes, 64 * kMiB / object_bytes); }));
  reads.run(rounds);
  report.add(rate("read back, objects of " + size, reads, "read back", "direct", ">= 0.7"));
}

// ---- small objects ----

void report_cpu(Report& report, const std::string& process, std::size_t object_bytes, double ns, double objects) {
  report.add({"CPU of the " + process + " for an object of " + std::to_string(object_bytes) + " B",
              "",
              ns / objects / 1e3,
              "us",
              {},
              0,
              {},
              ""});
}

/// The directory then holds the records.
void measure_small(Report& report, const std::string& directory, std::size_t object_bytes, std::uint64_t count) {
  constexpr std::uint64_t kCapacity = 64 * kMiB;
  const Daemon daemon(tier(directory, kCapacity, 2 * count));
  Filler filler(daemon, object_bytes);
  filler.put_many(std::min(count / 2, kCapacity / object_bytes));
  const std::uint64_t before = filler.on_disk();
  const std::uint64_t left = count - filler.count();
  const std::vector<pid_t> processes = test::children_of(daemon.pid());
  require(processes.size() == 2, "a daemon with other processes than a server and a spill process");
  const std::vector<double> used{cpu_ns(processes[0]), cpu_ns(processes[1])};
  const double ns = time_ns([&] { filler.put_many(left); });
  const auto written = static_cast<double>(filler.on_disk() - before);
  for (const std::size_t each : {0, 1})
    report_cpu(report, test::process_name(processes[each]) == "doliumd: spill" ? "spill process" : "server",
               object_bytes, cpu_ns(processes[each]) - used[each], written);
  report.add({"objects of " + std::to_string(object_bytes) + " B spilled a second",
              "",
              written * 1e9 / ns,
              "/s",
              {},
              0,
              {},
              object_bytes == kKiB ? ">= 2e5" : ""});
}

// ---- the latency of others ----

/// Puts objects of 256 KiB at a pace, for as many seconds as it is told; and writes as many bytes to the file, if there
/// is one.
Child paced_load(const Daemon& daemon, const std::string& file, double bytes_a_second) {
  return Child([&daemon, file, bytes_a_second](const Channel& channel) {
    constexpr std::size_t kBytes = 256 * kKiB;
    const auto client = daemon.connect();
    const std::vector<std::byte> data(kBytes, std::byte{7});
    const auto plain = file.empty() ? nullptr : std::make_unique<DirectFile>(file);
    std::uint64_t next = 0;
    for (double seconds = 0; channel.hear(seconds); channel.tell(0)) {
      const std::int64_t begin = now_ns();
      for (double done = 0; done < seconds * bytes_a_second; done += kBytes, ++next) {
        const auto due = begin + static_cast<std::int64_t>(done / bytes_a_second * 1e9);
        std::this_thread::sleep_for(std::chrono::nanoseconds(due - now_ns()));
        must(client->put(numbered_id(next, 1), data, {.timeout = std::chrono::seconds(60)}));
        if (plain && next % (DirectFile::kBlock / kBytes) == 0) plain->write_block(kGiB, true);
      }
    }
  });
}

/// A store, the load on it, and a client whose calls are timed.
struct Loaded {
  static constexpr std::uint64_t kHot = 10'000;

  Loaded(const Daemon::Options& options, const std::string& file, double bytes_a_second)
      : daemon(options), load(paced_load(daemon, file, bytes_a_second)), client(daemon.connect()) {
    for (std::uint64_t i = 0; i < kHot; ++i)
      must(client->put(numbered_id(i, 2), data, {.pinned = true, .timeout = std::chrono::seconds(60)}));
    static_cast<void>(load.ask(static_cast<double>(2 * options.capacity) / bytes_a_second));  // until it is full
  }
  /// Calls at a pace, for a while, with the load beside them.
  template <class Call>
  Contest::Slice calls(std::int64_t pause_ns, Call call) {
    return [this, pause_ns, call](Samples& samples) {
      constexpr double kSeconds = 0.5;
      load.channel().tell(kSeconds);
      const std::int64_t end = now_ns() + static_cast<std::int64_t>(kSeconds * 1e9);
      for (std::int64_t due = now_ns(); due < end; due += pause_ns) {
        while (now_ns() < due) {
        }
        samples.add(time_ns([&] { call(*client, next++); }));
      }
      static_cast<void>(load.channel().must_hear());
    };
  }

  const std::vector<std::byte> data = std::vector<std::byte>(kKiB, std::byte{7});
  Daemon daemon;
  Child load;
  std::shared_ptr<Client> client;
  std::uint64_t next = 0;
};

void measure_latency(Report& report, const DiskDirectory& disk) {
  constexpr double kLoad = 100e6;  // bytes a second
  constexpr std::uint64_t kCapacity = 128 * kMiB;
  std::optional<Loaded> spilling;
  std::optional<Loaded> plain;
  {
    const Cores other(1);  // for the daemons and the load; the client that is timed finds one for itself
    spilling.emplace(tier(disk.make("latency"), kCapacity), "", kLoad);
    plain.emplace(Daemon::Options{.capacity = kCapacity}, disk.path() + "/load", kLoad);
  }
  const auto contest = [&](const std::string& verb, std::int64_t pause_ns, auto call) {
    Contest calls;
    calls.add("plain", plain->calls(pause_ns, call));
    calls.add("spilling", spilling->calls(pause_ns, call));
    calls.run(report.rounds(10, 3));
    for (const auto& [text, share] : {std::pair{", p50", 0.5}, {", p99", 0.99}, {", p99.9", 0.999}}) {
      const double value = calls.of("spilling").percentile(share) / 1e3;
      const double beside = calls.of("plain").percentile(share) / 1e3;
      report.add({verb + " 1 KiB while 100 MB/s are spilled" + text, "", value, "us", "direct writer", beside,
                  value / beside, share == 0.99 ? "<= 2" : ""});
    }
  };
  const std::vector<std::byte> data(kKiB, std::byte{7});
  contest("put", 50'000, [&](Client& client, std::uint64_t number) {
    must(client.put(numbered_id(number, 3), data, {.timeout = std::chrono::seconds(60)}));
  });
  contest("get", 2'000, [](Client& client, std::uint64_t number) {
    require(must(client.get_raw(numbered_id(scramble(number) % Loaded::kHot, 2))).holds(), "no object");
  });
}

// ---- the start ----

void measure_start(Report& report, const DiskDirectory& disk, const std::string& full, std::uint64_t objects) {
  constexpr std::uint64_t kCapacity = 64 * kMiB;
  std::uint64_t records = 0;
  const auto start = [&](const std::string& directory) {
    return [&, directory](Samples& samples) {
      std::optional<Daemon> daemon;
      std::shared_ptr<Client> client;
      samples.add(time_ns([&] {
        daemon.emplace(tier(directory, kCapacity, objects));
        client = must(Client::connect(daemon->socket(), {.connect_timeout = std::chrono::minutes(1)}));
      }));
      records = std::max<std::uint64_t>(records, must(client->stats()).spilled_count);
    };
  };
  Contest starts;
  starts.add("empty", start(disk.make("empty")));
  starts.add("full", start(full));
  starts.run(report.rounds(5, 2));
  report.add({"start with " + std::to_string(records) + " records on disk",
              "",
              starts.of("full").median() / 1e9,
              "s",
              "empty directory",
              starts.of("empty").median() / 1e9,
              {},
              "<= 2"});
}

}  // namespace

int main(int argc, char** argv) {
  std::string directory;
  std::string only;
  const std::array<Report::Option, 2> options{
      {{"--directory", "where the spill directories are made; the default: /var/tmp", &directory},
       {"--part", "throughput, small, start or latency alone; the default: all", &only}}};
  Report report(argc, argv, "spill: objects on disk", options);
  const DiskDirectory disk(directory);
  require(only.empty() || only == "throughput" || only == "small" || only == "start" || only == "latency",
          "--part is throughput, small, start or latency");
  const auto wants = [&only](std::string_view part) { return only.empty() || only == part; };
  if (wants("throughput"))
    for (const std::uint64_t bytes : {kMiB, 64 * kMiB}) measure_throughput(report, disk, bytes);
  const std::uint64_t thousand = report.smoke() ? 100'000 : report.quick() ? 400'000 : 1'000'000;
  const std::uint64_t many = report.smoke() ? 200'000 : 1'600'000;
  const std::string hundred = disk.make("small-100");
  if (wants("small")) measure_small(report, disk.make("small-1024"), kKiB, thousand);
  if (wants("small") || wants("start")) measure_small(report, hundred, 100, many);
  if (wants("start")) measure_start(report, disk, hundred, 2 * many);
  if (wants("latency")) measure_latency(report, disk);
}
