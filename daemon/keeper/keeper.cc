#include "daemon/keeper/keeper.h"

#include <cstdlib>
#include <utility>

#include "daemon/keeper/keeper_process.h"
#include "daemon/process/process_title.h"
#include "daemon/process/signals.h"

namespace dolium::daemon {

int Keeper::run(char** argv, KeeperLog log, Starter starter) {
  Result<SignalQueue> signals = SignalQueue::open();
  if (!signals) {
    log->critical("{}", signals.error().message);
    return EXIT_FAILURE;
  }
  return KeeperProcess(own_program(), argv, *std::move(signals), std::move(log), std::move(starter)).run();
}

}  // namespace dolium::daemon
