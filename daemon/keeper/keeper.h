#pragma once
// Keeper: the process of doliumd that owns the store: its memory, the listening socket, and of each client its pin
// table, connection, process and release event. It does nothing else. The other process, the server, does all the work.
// If the server crashes, the keeper restarts it on the same memory.
//
// The server is this program, executed anew. So nothing of a crashed server's heap survives, a planned restart takes up
// a new version of the program, and the keeper's own memory stays small. Descriptors go to the server, and come back
// from it, over a pair of sockets (keeper_link.h): the first server and every later one start in the same way.
//
// If the system refuses resources to a new server, it may grant them later. While there are objects, the keeper retries
// in growing intervals; likewise if the keeper itself is refused a process or a descriptor.
//
// The kernel kills the server when the keeper dies. One thread, beside the log's.

#include <string>

#include "daemon/keeper/spill_process.h"
#include "daemon/keeper/starter.h"
#include "daemon/process/keeper_log.h"

namespace dolium::daemon {

class Keeper {
 public:
  /// Number of servers in a row that are killed before they serve, after which the keeper gives up. A server that ends
  /// by itself before it serves is retried for ever if there is a store. From the second attempt on, the keeper starts
  /// the program as it was when the keeper started.
  static constexpr int kMaxEarlyDeaths = 5;
  /// Pause after a server that did not serve; doubled each time, up to the longest.
  static constexpr int kFirstPauseMs = 50;
  static constexpr int kLongestPauseMs = 5000;
  /// Time for a server to end, and for one that is still starting, in milliseconds; then it is killed. A server that
  /// writes to disk first says for how long ([spill] drain).
  static constexpr int kLongestEndMs = 10'000;
  static constexpr int kLongestStartMs = 3000;

  /// Starts servers with these arguments until one ends by itself, or the keeper gives up. Returns the exit status.
  /// SIGTERM, SIGINT and SIGQUIT to the keeper stop the server, and then the keeper with status 0, however often they
  /// come; after the second one, what is not on disk yet is not waited for. Sent to the server alone they restart it,
  /// as SIGHUP does: if a check with the current configuration and program says that a new server could start. SIGUSR1
  /// is passed to the server. The end of `starter` counts as SIGTERM. The keeper's own messages go to the log. `spill`:
  /// the spill process, which runs beside the server.
  [[nodiscard]] static int run(char** argv, KeeperLog log, Starter starter = {}, SpillProcess spill = SpillProcess({}));
};

}  // namespace dolium::daemon
