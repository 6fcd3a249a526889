// The armed point of a program that has points.

#include <atomic>
#include <csignal>
#include <string>

#include "tests/e2e/points.h"

namespace dolium::e2e {
namespace {

struct Armed {
  std::string point;
  int signal = 0;
  std::atomic<int> left = 0;  // how often it is still passed; 0: nothing is armed
};
constinit Armed* armed = nullptr;  // set before anybody passes anything

}  // namespace

void arm(std::string_view point, int nth, int signal) {
  if (armed == nullptr) armed = new Armed;  // for life: a dying process passes points in its destructors
  armed->point = point;
  armed->signal = signal;
  armed->left = nth;
}

void pass(std::string_view point) noexcept {
  if (armed == nullptr || armed->left <= 0 || point != armed->point) return;
  if (--armed->left == 0) static_cast<void>(::raise(armed->signal));
}

}  // namespace dolium::e2e
