// A hand-over: from just before seal() in one process to the return of the get that waits for it in another, through
// the daemon. Beside a bare socket round trip (two wake-ups as well) and two relays through a third process: over
// futexes (two wake-ups, nothing else: the least that two hops can cost), and over sockets, as a broker must sleep that
// listens to several clients: the least that it costs through such a one, before it has done anything.
//
// Before each measurement everyone is left alone for 200 us, so that all are really asleep and all pay for the same
// wake-ups. "Daemon awake": a ping just before, so that the daemon still looks for messages when seal() comes. "All
// polling": the reader looks for the object in a loop, without a system call; it takes a core for each of the three.

#include <unistd.h>

#include "tests/bench/limits.h"

namespace {

using namespace dolium;
using namespace dolium::bench;

constexpr std::size_t kObjectBytes = kKiB;
constexpr int kRepeats = 40;  // a slice
constexpr useconds_t kPauseUs = 200;

enum class Mode : std::uint8_t { all_asleep, daemon_awake, all_polling };

Object poll_for(Client& client, const ObjectId& id) {
  for (;;)
    if (std::optional<Object> object = client.try_get(id)) return *std::move(object);
}

/// A process that waits for the objects numbered 0, 1, ..., says that it does, and tells when it got each.
Child waiting_reader(const Daemon& daemon, Mode mode) {
  return Child([&daemon, mode](const Channel& channel) {
    const auto client = daemon.connect();
    double number = 0;
    while (channel.hear(number)) {
      const ObjectId id = numbered_id(static_cast<std::uint64_t>(number));
      channel.tell(0);
      const Object object = mode == Mode::all_polling ? poll_for(*client, id) : must(client->get_raw(id, wait_forever));
      channel.tell(static_cast<double>(now_ns()));
    }
  });
}

void wait_until_it_waits(Client& client) {
  while (must(client.stats()).waiting_gets == 0) ::usleep(kPauseUs);
  ::usleep(kPauseUs);
}

double hand_over_ns(Client& client, const Child& reader, Mode mode, std::uint64_t number) {
  reader.ask(static_cast<double>(number));
  const std::vector<std::byte> data(kObjectBytes, std::byte{7});
  ObjectBuilder builder = must(client.create(numbered_id(number), data.size()));
  must(builder.write(data));
  if (mode != Mode::all_polling) wait_until_it_waits(client);
  if (mode != Mode::all_asleep) must(client.ping());
  const auto begin = static_cast<double>(now_ns());
  must(builder.seal());
  return reader.channel().must_hear() - begin;
}

void measure(Report& report, int core_count) {
  const Cores cores(core_count);
  const Daemon daemon;
  const Child reader = waiting_reader(daemon, Mode::all_asleep);
  const Child awake_reader = waiting_reader(daemon, Mode::daemon_awake);
  const SocketPingPong socket;
  const FutexRelay futex;
  const SocketRelay sockets;
  const auto client = daemon.connect();
  std::uint64_t next = 0;
  const auto after_pause = [](auto measured) {
    return [measured](Samples& samples) {
      for (int i = 0; i < kRepeats; ++i) {
        ::usleep(kPauseUs);
        samples.add(measured());
      }
    };
  };
  Contest contest;
  contest.add("dolium", after_pause([&] { return hand_over_ns(*client, reader, Mode::all_asleep, next++); }));
  contest.add("awake", after_pause([&] { return hand_over_ns(*client, awake_reader, Mode::daemon_awake, next++); }));
  contest.add("socket", after_pause([&] { return time_ns([&] { socket.round_trip(); }); }));
  contest.add("futex", after_pause([&] { return futex.relay(); }));
  contest.add("sockets", after_pause([&] { return sockets.relay(); }));
  contest.run(report.rounds(25, 6));
  const double p50 = contest.of("dolium").median() / 1e3;
  report.add({"hand-over to a waiting reader: p50", cores.name(), p50, "us", "socket round trip",
              contest.of("socket").median() / 1e3, contest.ratio("dolium", "socket")});
  report.add({"hand-over to a waiting reader: p50", cores.name(), p50, "us", "two-hop futex relay",
              contest.of("futex").median() / 1e3, contest.ratio("dolium", "futex"), "<= 1.3"});
  report.add({"hand-over to a waiting reader: p50", cores.name(), p50, "us", "two-hop relay, sockets and epoll",
              contest.of("sockets").median() / 1e3, contest.ratio("dolium", "sockets")});
  report.add({"hand-over to a waiting reader, the daemon awake: p50", cores.name(), contest.of("awake").median() / 1e3,
              "us", "two-hop futex relay", contest.of("futex").median() / 1e3, contest.ratio("awake", "futex"),
              "<= 15.4 us (iceoryx, quoted)"});
  report.add({"hand-over to a waiting reader: p99", cores.name(), contest.of("dolium").percentile(0.99) / 1e3, "us",
              "two-hop futex relay", contest.of("futex").percentile(0.99) / 1e3});
}

void measure_polling(Report& report) {
  constexpr int kProcesses = 3;
  if (usable_cores() < kProcesses)
    report.note("all polling needs " + std::to_string(kProcesses) + " cores: here they take turns");
  const Daemon daemon;
  const Child reader = waiting_reader(daemon, Mode::all_polling);
  const auto client = daemon.connect();
  Samples samples;
  const int count = report.rounds(1000, 200);
  for (int i = 0; i < count; ++i)
    samples.add(hand_over_ns(*client, reader, Mode::all_polling, static_cast<std::uint64_t>(i)) / 1e3);
  report.add({"hand-over, all polling: p50",
              std::to_string(usable_cores()),
              samples.median(),
              "us",
              {},
              0,
              {},
              "<= 1 with 3 cores"});
}

}  // namespace

int main(int argc, char** argv) {
  Report report(argc, argv, "handover: 1 KiB from a writer to a blocked reader");
  for (const int cores : {2, 1}) measure(report, cores);
  measure_polling(report);
}
