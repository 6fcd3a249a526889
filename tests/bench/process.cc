#include "tests/bench/process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

namespace dolium::bench {
namespace {

[[noreturn]] void exec(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& each : command) arguments.push_back(const_cast<char*>(each.c_str()));
  arguments.push_back(nullptr);
  ::execvp(arguments.front(), arguments.data());
  ::_exit(127);
}

int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

// ---- cores ----

int usable_cores() {
  cpu_set_t usable;
  ::sched_getaffinity(0, sizeof usable, &usable);
  return CPU_COUNT(&usable);
}

Cores::Cores(int count) {
  ::sched_getaffinity(0, sizeof before_, &before_);
  cpu_set_t chosen;
  CPU_ZERO(&chosen);
  // From the top: interrupts tend to be served by the first core.
  for (int cpu = CPU_SETSIZE - 1; cpu >= 0 && CPU_COUNT(&chosen) < count; --cpu)
    if (CPU_ISSET(cpu, &before_)) CPU_SET(cpu, &chosen);
  ::sched_setaffinity(0, sizeof chosen, &chosen);
  name_ = std::to_string(CPU_COUNT(&chosen));
}

Cores::~Cores() {
  ::sched_setaffinity(0, sizeof before_, &before_);
}

// ---- channels and children ----

Channel::~Channel() {
  if (fd_ >= 0) ::close(fd_);
}

void Channel::tell(double value) const {
  require(::send(fd_, &value, sizeof value, MSG_NOSIGNAL) == sizeof value, "a process of the benchmark is gone");
}

bool Channel::hear(double& value) const {
  return ::recv(fd_, &value, sizeof value, MSG_WAITALL) == sizeof value;
}

double Channel::must_hear() const {
  double value = 0;
  require(hear(value), "a process of the benchmark is gone");
  return value;
}

void Channel::hang_up() const {
  ::shutdown(fd_, SHUT_RDWR);
}

Child::Child(const std::function<void(const Channel&)>& body) {
  int ends[2];
  require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "no socketpair");
  std::fflush(nullptr);
  pid_ = ::fork();
  require(pid_ >= 0, "no fork");
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::close(ends[0]);
    {
      const Channel channel(ends[1]);
      body(channel);
    }
    std::fflush(nullptr);
    ::_exit(0);
  }
  ::close(ends[1]);
  channel_ = std::make_unique<Channel>(ends[0]);
}

Child::Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)), channel_(std::move(other.channel_)) {}

Child::~Child() {
  if (pid_ <= 0) return;
  channel_->hang_up();
  wait_for(pid_);
}

double Child::ask(double value) const {
  channel_->tell(value);
  return channel_->must_hear();
}

// ---- programs ----

pid_t start_program(const std::vector<std::string>& command, bool silent) {
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  require(pid >= 0, "no fork");
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (silent) {
      const int nowhere = ::open("/dev/null", O_RDWR);
      ::dup2(nowhere, STDOUT_FILENO);
      ::dup2(nowhere, STDERR_FILENO);
    }
    exec(command);
  }
  return pid;
}

int run_program(const std::vector<std::string>& command, bool silent) {
  return wait_for(start_program(command, silent));
}

double cpu_ns(pid_t process) {
  double sum = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/task")) {
    double used = 0;
    if (std::ifstream(task.path() / "schedstat") >> used) sum += used;
  }
  return sum;
}

// ---- the daemon ----

Daemon::Daemon(const Options& options) {
  std::string pattern = "/tmp/dolium-bench-XXXXXX";
  require(::mkdtemp(pattern.data()) != nullptr, "no temporary directory");
  directory_ = pattern;
  socket_ = directory_ + "/socket";
  std::vector<std::string> command{DOLIUM_DAEMON, "--socket", socket_, "--log-level", "warning"};
  command.insert(command.end(), {"--capacity", std::to_string(options.capacity)});
  command.insert(command.end(), {"--max-objects", std::to_string(options.max_objects)});
  command.insert(command.end(), options.more.begin(), options.more.end());
  pid_ = start_program(command, false);
}

Daemon::~Daemon() {
  ::kill(pid_, SIGTERM);
  wait_for(pid_);
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::shared_ptr<Client> Daemon::connect() const {
  return must(Client::connect(socket_));
}

}  // namespace dolium::bench
