#include "daemon/server/renewer.h"

#include <memory>
#include <utility>

#include "shm/os/monotonic_clock.h"

namespace dolium::daemon {

void Renewer::go_on() {
  if (background_.busy()) return;
  const auto piece = store_.quarantine().next_to_renew();
  if (!piece) return;
  const auto renewal = std::make_shared<shm::Renewal>();
  background_.start([this, piece, renewal] { *renewal = store_.rows().memory.renew(*piece); },
                    [this, renewal] {
                      tell(renewal->reserved);
                      store_.quarantine().renewed(*renewal, shm::monotonic_now());
                    });
}

/// Logs each shortage once, although it is retried every few seconds.
void Renewer::tell(const Result<void>& reserved) {
  const bool was_short = std::exchange(short_of_memory_, !reserved);
  if (!reserved && !was_short)
    log_.warn(
        "memory that dead clients were writing to cannot be reserved again and is not used; trying again every {} s: "
        "{}",
        shm::Quarantine::kRetry / 1'000'000'000, reserved.error().message);
  if (reserved && was_short) log_.info("memory of dead clients can be reserved again");
}

}  // namespace dolium::daemon
