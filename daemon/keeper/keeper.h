#pragma once
// Keeper: the half of doliumd that does nothing but own: the store's memory, the listening socket, and of each client
// its pin table, connection, process and release event. The other half, the server, does all the work, and may die of
// it; the keeper then starts another, which finds everything where it was.
//
// The server is this program again, executed anew: nothing of a dead server's heap is in its successor, a new version
// of the program is taken up by a planned restart, and the keeper's own memory stays as small as it was. Descriptors
// go to it over a pair of sockets, as it sends new ones back (keeper_link.h): so a server that is started first and one
// that follows another begin alike.
//
// What the system refuses a server that is to follow another, it may grant the next: as long as there are objects, the
// keeper goes on trying, in growing intervals. It is itself refused things (a process, a descriptor): the same.
//
// The kernel kills the server when the keeper dies. One thread beside the log's.

#include <string>

#include "daemon/keeper/starter.h"
#include "daemon/process/keeper_log.h"

namespace dolium::daemon {

class Keeper {
 public:
  /// How many servers in a row may be killed before they serve, until it is given up; one that ends by itself instead
  /// of going on with a store is tried for ever. After the first the program as it was when the keeper began is tried,
  /// too.
  static constexpr int kMaxEarlyDeaths = 5;
  /// What a server exits with that shall be followed by another.
  static constexpr int kRestart = 75;
  /// Between two servers, when the first did not get as far as to serve: doubled each time, up to the second.
  static constexpr int kFirstPauseMs = 50;
  static constexpr int kLongestPauseMs = 5000;
  /// How long a server that was told to end may take; and one that is still starting, which holds no new objects.
  static constexpr int kLongestEndMs = 10'000;
  static constexpr int kLongestStartMs = 3000;

  /// Starts servers with these arguments until one ends by itself, or it is given up; returns the exit status.
  /// SIGTERM, SIGINT and SIGQUIT end the server, and then the keeper with status 0, however often and to whichever of
  /// both they come; sent to the server alone they have it replaced, as SIGHUP has, if a successor with the
  /// configuration, and of the program, as they are by then says that it could follow. SIGUSR1 goes on to the server.
  /// The end of `starter` is a SIGTERM.
  /// What it says itself goes to the log.
  [[nodiscard]] static int run(char** argv, KeeperLog log, Starter starter = {});
};

}  // namespace dolium::daemon
