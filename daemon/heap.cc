#include "daemon/heap.h"

#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <new>
#include <string_view>
#include <thread>

namespace dolium::daemon {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks{10};

// A new-handler has no arguments.
int exit_status = kRefusedBySystem;
std::array<char, sizeof(sockaddr_un::sun_path)> unfinished{};

/// Without the heap.
void say_without_heap(std::string_view what) {
  static_cast<void>(!::write(STDERR_FILENO, what.data(), what.size()));
}

}  // namespace

void end_without_memory(int status) noexcept {
  exit_status = status;
  std::set_new_handler([] {
    say_without_heap("doliumd: no memory to be had for the bookkeeping (Cannot allocate memory): this process ends\n");
    if (unfinished.front() != '\0') ::unlink(unfinished.data());
    ::_exit(exit_status);
  });
}

void remove_without_memory(std::string_view path) noexcept {
  unfinished[path.copy(unfinished.data(), unfinished.size() - 1)] = '\0';
}

void wait_for_memory() noexcept {
  std::set_new_handler([] {
    static bool said = false;  // the keeper has one thread
    if (!said) say_without_heap("doliumd: the keeper needs memory and gets none (Cannot allocate memory): it waits for some\n");
    said = true;
    std::this_thread::sleep_for(kBetweenLooks);
  });
}

}  // namespace dolium::daemon
