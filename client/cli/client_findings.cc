// Which clients are stuck: the part of store_findings.h that looks at one client after another.

#include <fmt/format.h>

#include "client/cli/client_names.h"
#include "client/cli/printable.h"
#include "client/cli/store_findings.h"
#include "client/cli/time_text.h"
#include "shm/text/size_text.h"

namespace dolium::cli {
namespace {

/// Nothing takes that long to write, and hardly anything is looked at for that long without a new get.
constexpr std::chrono::milliseconds kLongWriting = std::chrono::minutes(1);
constexpr std::chrono::milliseconds kLongHolding = std::chrono::minutes(10);
/// What a client may leave unread; with more than that the daemon soon takes no requests from it.
constexpr std::uint64_t kMuchUnread = 256 * 1024;

std::string claim_text(const ClientInfo& client) {
  return fmt::format("it holds {} and is writing {}", format_size(client.bytes_held),
                     format_size(client.unsealed_bytes));
}

/// What is wrong with one client, one thing at most: the worst.
class Diagnosis {
 public:
  Diagnosis(const ClientInfo& client, const StoreStats& stats, ProcessState process)
      : client_(client), stats_(stats), process_(process) {}

  void append_to(Findings& out) const {
    const bool claims = client_.bytes_held + client_.unsealed_bytes != 0;
    if (client_.quarantined)
      add(out, Finding::Level::problem, "misbehaved and was cut off; " + claim_text(client_),
          "What it can touch is kept until its process ends.", "end it" + command("kill"));
    else if (process_ == ProcessState::stopped)
      add(out, claims ? Finding::Level::problem : Finding::Level::note, "is stopped; " + claim_text(client_),
          "Nothing of that can be evicted or freed while it stands still.",
          "let it go on" + command("kill -CONT") + ", or end it" + command("kill -KILL"));
    else if (process_ == ProcessState::gone)
      add(out, claims ? Finding::Level::problem : Finding::Level::note,
          "has ended, and its connection has not; " + claim_text(client_),
          "A child, or whoever was given its socket, keeps the connection, and with it what it held.",
          "end its children");
    else if (client_.orphaned)
      add(out, Finding::Level::note,
          "was connected to a server that died, and has not come back to its successor; " + claim_text(client_),
          "What it can touch is kept until it comes back, with its next call, or ends.",
          "if it shall not come back, end it" + command("kill"));
    else if (client_.unread_bytes >= kMuchUnread)
      add(out, Finding::Level::problem,
          fmt::format("has not read {} of replies and events", format_size(client_.unread_bytes)),
          "The daemon takes no more requests from it until it reads; nobody else is held up.",
          "see what it does" + command("cat /proc/PID/stack"));
    else if (client_.unsealed_bytes != 0 && client_.oldest_unsealed >= kLongWriting)
      add(out, stats_.waiting_creates != 0 ? Finding::Level::problem : Finding::Level::note,
          fmt::format("is writing {}, {} of it", counted(client_.unsealed_count, "object"),
                      format_size(client_.unsealed_bytes)) +
              fmt::format(", the oldest for {}", format_duration(client_.oldest_unsealed)),
          "An object that is not sealed can be neither got nor evicted.",
          "have it seal or abort what it began, or flush() what it put deferred, or end it");
    else if (client_.bytes_held >= stats_.capacity / 10 && client_.longest_held >= kLongHolding)
      add(out, Finding::Level::note,
          fmt::format("holds {} in {}, some of it for {}", format_size(client_.bytes_held),
                      counted(client_.objects_held, "object"), format_duration(client_.longest_held)) +
              (client_.left ? ", though its Client is gone" : ""),
          "What is held is not evicted.", "have it let go of what it does not need (a forgotten Object, a cache)");
  }

 private:
  /// What to do it with: with its number only where that is known to be its number here, too.
  [[nodiscard]] std::string command(std::string_view what) const {
    if (process_ != ProcessState::unknown && client_.pid > 0) {
      std::string line(what);
      const std::size_t place = line.find("PID");
      if (place == std::string::npos)
        line += fmt::format(" {}", client_.pid);
      else
        line.replace(place, 3, std::to_string(client_.pid));
      return fmt::format(" ({})", line);
    }
    const std::string own = own_words(client_.origin, client_.pid);
    return own.empty() ? " where it runs, which is another PID namespace than this command's"
                       : fmt::format(" where it runs, in another PID namespace: it calls itself {}", own);
  }

  void add(Findings& out, Finding::Level level, std::string found, std::string meaning, std::string remedy) const {
    out.push_back({"clients", who(client_), level, std::move(found), std::move(meaning), std::move(remedy)});
  }

  const ClientInfo& client_;
  const StoreStats& stats_;
  ProcessState process_;
};

}  // namespace

Findings client_findings(const StatsReport& report, const ProcessStates& processes) {
  Findings out;
  for (const ClientInfo& client : report.clients) {
    const auto process = processes.find(client.pid);
    Diagnosis(client, report.stats, process == processes.end() ? ProcessState::unknown : process->second)
        .append_to(out);
  }
  if (out.empty())
    out.push_back({"clients", "all", Finding::Level::fine,
                   fmt::format("{}: none is stopped, stuck or cut off", counted(report.clients.size(), "client"))});
  return out;
}

}  // namespace dolium::cli
