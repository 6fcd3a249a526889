#include "shm/eviction/newcomers_share.h"

#include <algorithm>

namespace dolium::shm {

void NewcomersShare::adjust(std::uint32_t evictions, std::uint32_t objects) noexcept {
  if (!started_) {
    // The main queue is worth its bytes until most looks tell otherwise.
    const double assumed = std::max<double>(kLeastLooks, objects) / 2;
    looks_ += assumed;
    hits_ += assumed;
    started_ = true;
  }
  forget_half_of_old(objects);
  const Flow& newcomers = flow_of(Ghosts::Origin::newcomers);
  const Flow& main = flow_of(Ghosts::Origin::main);
  const double assumed_main = kAssumedMain * hits_ / looks_;
  const double newcomers_rate =
      kNewcomersWeight * (newcomers.returned / (newcomers.left + kAssumedWeight) + kAssumedNewcomers);
  const double main_rate = (main.returned + kAssumedWeight * assumed_main) / (main.left + kAssumedWeight);
  // Close to the logarithm of their ratio.
  const double pull = std::clamp(2 * (newcomers_rate - main_rate) / (newcomers_rate + main_rate), -1.0, 1.0);
  const double step = kSpeed * evictions / std::max(kFewObjects, objects);
  least_ = std::max(kLeast, least_ * kLeastDecay);
  const double share = std::clamp(share_ + step * pull, least_, kMost);
  grown_ = std::max(0.0, grown_ + share_ - share);
  share_ = share;
}

void NewcomersShare::forget_half_of_old(double objects) noexcept {
  for (Flow& flow : flows_) {
    if (flow.left <= std::max(kLeastFlow, 2 * objects)) continue;
    flow.left /= 2;
    flow.returned /= 2;
  }
  if (looks_ <= std::max(kLeastLooks, objects)) return;
  looks_ /= 2;
  hits_ /= 2;
}

}  // namespace dolium::shm
