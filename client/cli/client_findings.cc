// Findings about each client: which ones are stuck. Part of store_findings.h.

#include <fmt/format.h>

#include "client/cli/client_names.h"
#include "client/cli/printable.h"
#include "client/cli/store_findings.h"
#include "client/cli/time_text.h"
#include "shm/text/size_text.h"

namespace dolium::cli {
namespace {

/// Limits above which writing an object, or holding one, is worth a finding. Objects are usually written and used in
/// far less time.
constexpr std::chrono::milliseconds kLongWriting = std::chrono::minutes(1);
constexpr std::chrono::milliseconds kLongHolding = std::chrono::minutes(10);
/// Number of unread bytes that is worth a finding. With somewhat more, the daemon stops reading the client's requests.
constexpr std::uint64_t kMuchUnread = 256 * 1024;

std::string claim_text(const ClientInfo& client) {
  return fmt::format("it holds {} and is writing {}", format_size(client.bytes_held),
                     format_size(client.unsealed_bytes));
}

/// Finds the worst problem of one client, if it has any.
class Diagnosis {
 public:
  Diagnosis(const ClientInfo& client, const StoreStats& stats, ProcessState process)
      : client_(client), stats_(stats), process_(process) {}

  void append_to(Findings& out) const {
    const bool claims = client_.bytes_held + client_.unsealed_bytes != 0;
    if (client_.quarantined)
      add(out, Finding::Level::problem, "misbehaved and was cut off; " + claim_text(client_),
          "The memory that it can access is kept until its process ends.", "end it" + command("kill"));
    else if (process_ == ProcessState::stopped)
      add(out, claims ? Finding::Level::problem : Finding::Level::note, "is stopped; " + claim_text(client_),
          "None of that can be evicted or freed while it is stopped.",
          "continue it" + command("kill -CONT") + ", or end it" + command("kill -KILL"));
    else if (process_ == ProcessState::gone)
      add(out, claims ? Finding::Level::problem : Finding::Level::note,
          "has ended, but its connection is still open; " + claim_text(client_),
          "A child process, or another process that has its socket, keeps the connection and all that it held.",
          "end its children");
    else if (client_.orphaned)
      add(out, Finding::Level::note,
          "was connected to a server that died, and has not resumed its session; " + claim_text(client_),
          "The memory that it can access is kept until it resumes, with its next call, or ends.",
          "if it is not needed any more, end it" + command("kill"));
    else if (client_.unread_bytes >= kMuchUnread)
      add(out, Finding::Level::problem,
          fmt::format("has not read {} of replies and events", format_size(client_.unread_bytes)),
          "The daemon reads no more requests from it until it reads; other clients are not affected.",
          "find out what it is doing" + command("cat /proc/PID/stack"));
    else if (client_.unsealed_bytes != 0 && client_.oldest_unsealed >= kLongWriting)
      add(out, stats_.waiting_creates != 0 ? Finding::Level::problem : Finding::Level::note,
          fmt::format("is writing {}, {} of it", counted(client_.unsealed_count, "object"),
                      format_size(client_.unsealed_bytes)) +
              fmt::format(", the oldest for {}", format_duration(client_.oldest_unsealed)),
          "An unsealed object can be neither read nor evicted.",
          "make it seal or abort its objects, or call flush() for its deferred puts; or end it");
    else if (client_.bytes_held >= stats_.capacity / 10 && client_.longest_held >= kLongHolding)
      add(out, Finding::Level::note,
          fmt::format("holds {} in {}, some of it for {}", format_size(client_.bytes_held),
                      counted(client_.objects_held, "object"), format_duration(client_.longest_held)) +
              (client_.left ? ", although its Client object is gone" : ""),
          "Objects in use are not evicted.",
          "make it release objects that it does not need (a forgotten Object, a cache)");
  }

 private:
  /// The command for a remedy. It contains the pid only if that pid is valid in this PID namespace.
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
    if (report.stats.tier && client.pid == report.stats.tier->pid && client.pid != 0) continue;
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
