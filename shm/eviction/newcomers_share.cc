#include "shm/eviction/newcomers_share.h"

#include <algorithm>

namespace dolium::shm {

void NewcomersShare::adjust(std::uint32_t evictions, std::uint32_t objects) noexcept {
  if (!started_) begin(objects);
  forget_half_of_old(objects);
  const Flow& newcomers = flow_of(Ghosts::Origin::newcomers);
  const Flow& main = flow_of(Ghosts::Origin::main);
  const double assumed_main = kAssumedMain * hits_ / looks_;
  const double newcomers_rate =
      kNewcomersWeight * (newcomers.returned / (newcomers.left + kAssumedWeight) + kAssumedNewcomers);
  const double main_rate = (main.returned + kAssumedWeight * assumed_main) / (main.left + kAssumedWeight);
  // Close to the logarithm of their ratio.
  const double pull = std::clamp(2 * (newcomers_rate - main_rate) / (newcomers_rate + main_rate), -1.0, 1.0);
  const double turnovers = static_cast<double>(evictions) / std::max(kFewObjects, objects);
  const double step = speed(pull) * turnovers;
  turnovers_ += turnovers;
  least_ = std::max(kLeast, least_ * kLeastDecay);
  const double share = std::clamp(share_ + step * pull, least_, kMost);
  grown_ = std::max(0.0, grown_ + share_ - share);
  share_ = share;
}

void NewcomersShare::begin(double objects) noexcept {
  started_ = true;
  const double assumed = std::max(kLeastLooks, objects) / 2;
  looks_ += assumed;
  if (restarted_) hits_ += assumed * kBalancedHits;  // else the main queue has to prove its worth
}

double NewcomersShare::speed(double pull) const noexcept {
  if (pull > 0 || restarted_) return kSpeed;
  return std::max(kSpeed, kFirstSpeed / (1 + turnovers_ / kFirstTurnovers));
}

void NewcomersShare::forget_half_of_old(double objects) noexcept {
  const double most = std::max(kLeastFlow, 2 * objects);
  Flow& newcomers = flow_of(Ghosts::Origin::newcomers);
  Flow& main = flow_of(Ghosts::Origin::main);
  if (main.left > most) main.keep(0.5);
  if (newcomers.left > most) {
    newcomers.keep(0.5);
    passed_ *= 0.5;
    if (main_left_lately_ < kHardlyAny * most) main.keep(kKeptOfMain);
    main_left_lately_ = 0;
  }
  const double most_looks = std::max(kLeastLooks, objects);
  if (looks_ > most_looks) {
    looks_ /= 2;
    hits_ /= 2;
  }
}

}  // namespace dolium::shm
