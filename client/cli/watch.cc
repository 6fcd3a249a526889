// watch: shows the events of a subscription, and rates from the stats once per interval, until it is stopped.

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "client/cli/verbs.h"
#include "client/cli/watch_view.h"

namespace dolium::cli {
namespace {

using WatchClock = std::chrono::steady_clock;

/// Maximum time until Ctrl-C is noticed.
constexpr std::chrono::milliseconds kPatience{100};
constexpr std::chrono::milliseconds kMinInterval{50};

struct WatchOptions {
  std::uint64_t count = 0;
  std::chrono::milliseconds duration{0};  // 0: until Ctrl-C
  std::chrono::milliseconds interval{1000};
  bool existing = false;
  bool lines = false;
};

/// Blocks SIGINT, SIGTERM and SIGHUP while this object lives. arrived() tests for them.
class Interrupts {
 public:
  Interrupts() {
    sigset_t wanted;
    ::sigemptyset(&wanted);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&wanted, signal);
    ::pthread_sigmask(SIG_BLOCK, &wanted, &before_);
    fd_ = ::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
  }
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;
  ~Interrupts() {
    // Consume pending signals, so that they do not kill the process when they are unblocked.
    signalfd_siginfo taken;
    while (::read(fd_, &taken, sizeof(taken)) > 0) {
    }
    ::close(fd_);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  [[nodiscard]] bool arrived() const {
    pollfd entry{fd_, POLLIN, 0};
    return ::poll(&entry, 1, 0) > 0;
  }

 private:
  sigset_t before_;
  int fd_;
};

/// Whether standard output is a pipe without readers. While no events arrive, no write would notice it.
bool reader_is_gone() {
  pollfd output{STDOUT_FILENO, 0, 0};
  return ::poll(&output, 1, 0) > 0 && (output.revents & (POLLERR | POLLHUP)) != 0;
}

/// Shows events and rates. The first events of a subscription are the existing objects, mixed with new events. The
/// number of existing objects is known from the stats read just before. If the store changes in between, some events
/// more or less count as existing objects. The first pause ends this phase in any case.
class Watch {
 public:
  Watch(Client& client, WatchView& view, StoreStats stats) : client_(client), view_(view), stats_(std::move(stats)) {}

  void skip_existing() { to_skip_ = stats_.total_objects; }

  Result<void> run(Subscription& events, std::uint64_t count, WatchClock::time_point end,
                   WatchClock::duration interval) {
    const Interrupts interrupts;
    WatchClock::time_point next_look = WatchClock::now();
    while (!interrupts.arrived() && (count == 0 || shown_ < count)) {
      const auto now = WatchClock::now();
      if (now >= end) break;
      if (reader_is_gone()) ::raise(SIGPIPE);  // ends this process, as the next write would
      if (now >= next_look) {
        if (auto looked = look(now); !looked) return looked;
        next_look = now + interval;
      }
      const auto event = events.next(std::min<WatchClock::duration>(kPatience, std::min(next_look, end) - now));
      if (event)
        take(*event);
      else if (event.error().code == Errc::timed_out)
        to_skip_ = 0;
      else
        return event.error();
    }
    return look(WatchClock::now());
  }

 private:
  Result<void> look(WatchClock::time_point now) {
    Result<StoreStats> stats = client_.stats();
    if (!stats) return stats.error();
    view_.show(std::chrono::system_clock::now(), Rates::between(stats_, *stats, now - looked_), *stats);
    stats_ = *std::move(stats);
    looked_ = now;
    return {};
  }

  void take(const Event& event) {
    if (to_skip_ != 0 && event.kind == Event::Kind::sealed) {
      --to_skip_;
      return;
    }
    view_.show(std::chrono::system_clock::now(), event);
    ++shown_;
  }

  Client& client_;
  WatchView& view_;
  StoreStats stats_;
  WatchClock::time_point looked_ = WatchClock::now();
  std::uint64_t to_skip_ = 0;
  std::uint64_t shown_ = 0;
};

WatchView::Kind view_kind(const Globals& globals, const WatchOptions& options) {
  if (globals.json) return WatchView::Kind::json;
  return options.lines || ::isatty(STDOUT_FILENO) == 0 ? WatchView::Kind::lines : WatchView::Kind::screen;
}

Result<void> watch(const Globals& globals, const WatchOptions& options) {
  const auto end = options.duration.count() == 0 ? WatchClock::time_point::max() : WatchClock::now() + options.duration;
  const auto client = connect(globals, Access::read_only);
  if (!client) return client.error();
  Result<StoreStats> stats = (*client)->stats();
  if (!stats) return stats.error();
  Result<Subscription> events = (*client)->subscribe();
  if (!events) return events.error();
  const auto view = WatchView::make(view_kind(globals, options), globals.socket);
  Watch watching(**client, *view, *std::move(stats));
  if (!options.existing) watching.skip_existing();
  return watching.run(*events, options.count, end, options.interval);
}

}  // namespace

void add_watch(CommandLine& line) {
  const auto options = std::make_shared<WatchOptions>();
  line.add("watch", "show events and rates of the store, until Ctrl-C",
           [options](const Globals& globals) { return watch(globals, *options); })
      .number("--count", options->count, "end after this number of events", 1)
      .duration("--duration", options->duration, "end after this time, for example 10s")
      .duration("--interval", options->interval, "time between two reports of the rates", kMinInterval)
      .flag("--existing", options->existing, "begin with the existing objects")
      .flag("--lines", options->lines, "print lines, also on a terminal");
}

}  // namespace dolium::cli
