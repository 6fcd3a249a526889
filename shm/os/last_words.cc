#include "shm/os/last_words.h"

#include <unistd.h>

#include <csignal>

namespace dolium::shm {
namespace {

constexpr unsigned kPatienceSeconds = 2;

}  // namespace

void last_words(std::string_view line, int descriptor) noexcept {
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGALRM, SIG_DFL);
  sigset_t alarm;
  ::sigemptyset(&alarm);
  ::sigaddset(&alarm, SIGALRM);
  ::pthread_sigmask(SIG_UNBLOCK, &alarm, nullptr);
  ::alarm(kPatienceSeconds);
  static_cast<void>(!::write(descriptor, line.data(), line.size()));
  ::alarm(0);
}

}  // namespace dolium::shm
