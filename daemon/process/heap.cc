#include "daemon/process/heap.h"

#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <ctime>
#include <new>
#include <string_view>
#include <thread>

#include "daemon/process/log_writer.h"
#include "shm/os/last_words.h"

namespace dolium::daemon {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks{10};

// A new-handler has no arguments.
int exit_status = kRefusedBySystem;
std::array<char, sizeof(sockaddr_un::sun_path)> unfinished{};

std::atomic<LogWriter*> log_of_last_words = nullptr;

/// Writes a line of the log without the heap. (localtime_r() needs none either, once a line has been logged.)
void log_without_memory(LogWriter& log, std::string_view what) {
  std::array<char, 256> line;
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  std::size_t size = ::localtime_r(&now, &local) == nullptr
                         ? 0
                         : std::strftime(line.data(), line.size(), "%Y-%m-%dT%H:%M:%S%z critical ", &local);
  size += what.copy(line.data() + size, line.size() - size - 1);
  line.at(size++) = '\n';
  log.write({line.data(), size});
  static_cast<void>(log.settle());
}

/// Precondition: the process is about to end.
void say_last(std::string_view what) {
  if (LogWriter* const log = log_of_last_words.load()) return log_without_memory(*log, what);
  shm::last_words("doliumd: ");
  shm::last_words(what);
  shm::last_words("\n");
}

}  // namespace

LinesWithoutMemory::LinesWithoutMemory(LogWriter& through) noexcept {
  log_of_last_words = &through;
}

LinesWithoutMemory::~LinesWithoutMemory() {
  log_of_last_words = nullptr;
}

void end_without_memory(int status) noexcept {
  exit_status = status;
  std::set_new_handler([] {
    say_last("out of memory for bookkeeping (Cannot allocate memory): this process ends");
    if (unfinished.front() != '\0') ::unlink(unfinished.data());
    ::_exit(exit_status);
  });
}

void remove_without_memory(std::string_view path) noexcept {
  unfinished[path.copy(unfinished.data(), unfinished.size() - 1)] = '\0';
}

void wait_for_memory() noexcept {
  std::set_new_handler([] {
    static std::atomic<bool> said = false;  // the log's thread allocates too
    LogWriter* const log = log_of_last_words.load();
    if (log != nullptr && !said.exchange(true))
      log_without_memory(*log, "the keeper is out of memory (Cannot allocate memory): it waits for memory");
    std::this_thread::sleep_for(kBetweenLooks);
  });
}

}  // namespace dolium::daemon
