#include "daemon/heap.h"

#include <unistd.h>

#include <chrono>
#include <new>
#include <string_view>
#include <thread>

namespace dolium::daemon {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks{10};

int exit_status = kRefusedBySystem;  // a new-handler has no arguments

/// Without the heap.
void say(std::string_view what) {
  static_cast<void>(!::write(STDERR_FILENO, what.data(), what.size()));
}

}  // namespace

void end_without_memory(int status) noexcept {
  exit_status = status;
  std::set_new_handler([] {
    say("doliumd: no memory to be had for the bookkeeping (Cannot allocate memory): this process ends\n");
    ::_exit(exit_status);
  });
}

void wait_for_memory() noexcept {
  std::set_new_handler([] {
    static bool said = false;  // the keeper has one thread
    if (!said) say("doliumd: the keeper needs memory and gets none (Cannot allocate memory): it waits for some\n");
    said = true;
    std::this_thread::sleep_for(kBetweenLooks);
  });
}

}  // namespace dolium::daemon
