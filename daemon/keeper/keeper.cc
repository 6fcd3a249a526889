#include "daemon/keeper/keeper.h"

#include <cstdlib>
#include <utility>

#include "daemon/keeper/keeper_process.h"
#include "daemon/process/process_title.h"
#include "daemon/process/signals.h"

namespace dolium::daemon {

int Keeper::run(char** argv, KeeperLog log, Starter starter, SpillProcess spill) {
  Result<SignalQueue> signals = SignalQueue::open();
  if (!signals) {
    log->critical("{}", signals.error().message);
    return EXIT_FAILURE;
  }
  if (const Result<std::string> token = spill.token(); !token) {
    log->critical("{}", token.error().message);
    return EXIT_FAILURE;
  }
  return KeeperProcess(own_program(), argv, *std::move(signals), std::move(log), std::move(starter), std::move(spill))
      .run();
}

}  // namespace dolium::daemon
