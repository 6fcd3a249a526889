#include "tests/e2e/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "tests/child_processes.h"

namespace dolium::e2e {
namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

/// After fork() in a process that may have threads: system calls only.
[[noreturn]] void become(char* const* arguments, const Process::Streams& streams) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  const int wanted[] = {streams.in, streams.out, streams.error};
  for (int target = 0; target < 3; ++target)
    if (::dup2(wanted[target] >= 0 ? wanted[target] : null, target) < 0) ::_exit(126);
  ::execv(arguments[0], arguments);
  ::_exit(127);
}

}  // namespace

Process Process::start(const std::vector<std::string>& command, const Streams& streams) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  Process process;
  process.pid_ = ::fork();
  if (process.pid_ < 0) fail("fork");
  if (process.pid_ == 0) become(arguments.data(), streams);
  process.handle_ = shm::UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid_, 0)));
  if (!process.handle_.valid()) fail("pidfd_open");
  return process;
}

Process& Process::operator=(Process&& other) noexcept {
  static_cast<void>(kill());
  handle_ = std::move(other.handle_);
  pid_ = other.pid_;
  return *this;
}

Process::~Process() {
  static_cast<void>(kill());
}

bool Process::running() const {
  pollfd entry{handle_.get(), POLLIN, 0};
  return handle_.valid() && ::poll(&entry, 1, 0) == 0;
}

void Process::signal(int number) const {
  if (handle_.valid() && ::kill(pid_, number) != 0) fail("kill");
}

void Process::freeze() const {
  signal(SIGSTOP);
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED) != 0)
    if (errno != EINTR) fail("wait for a child to stop");
}

bool Process::has_stopped() const {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED | WNOHANG) == 0 && info.si_pid == pid_;
}

void Process::thaw() const {
  signal(SIGCONT);
}

std::string Process::wait(std::chrono::milliseconds patience) {
  if (!handle_.valid()) return "no process";
  pollfd entry{handle_.get(), POLLIN, 0};
  int ready = 0;
  while ((ready = ::poll(&entry, 1, static_cast<int>(patience.count()))) < 0)
    if (errno != EINTR) fail("poll");
  if (ready == 0) return "still running";
  int status = 0;
  if (::waitpid(pid_, &status, 0) != pid_) fail("waitpid");
  handle_.reset();
  return WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status)) : fmt::format("exit {}", WEXITSTATUS(status));
}

std::string Process::kill() {
  if (!handle_.valid()) return "no process";
  ::kill(pid_, SIGKILL);
  return wait();
}

std::size_t Process::descriptors() const {
  return count_descriptors(pid_);
}
std::size_t Process::settled_descriptors() const {
  constexpr int kLooks = 10;
  std::size_t last = descriptors();
  for (int same = 0; same < kLooks; ++same) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    const std::size_t now = descriptors();
    if (now != last) same = 0;
    last = now;
  }
  return last;
}
std::size_t Process::shared_mappings() const {
  return count_shared_mappings(pid_);
}

Descriptors descriptors_of(pid_t pid) {
  Descriptors found;
  for (const auto& entry : std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", pid))) {
    std::error_code closed;
    const std::string file = std::filesystem::read_symlink(entry, closed).string();
    if (closed) continue;  // since it was listed
    ++found.all;
    if (file.starts_with("/proc/") || file.starts_with("/sys/")) ++found.of_system;
  }
  if (pid == ::getpid()) --found.all, --found.of_system;  // the directory itself
  return found;
}

std::size_t count_shared_mappings(pid_t pid) {
  std::ifstream maps(fmt::format("/proc/{}/maps", pid));
  std::size_t count = 0;
  for (std::string line; std::getline(maps, line);)
    if (line.find("/memfd:") != std::string::npos) ++count;
  return count;
}

pid_t first_child(pid_t parent) {
  const std::vector<pid_t> children = test::children_of(parent);
  return children.empty() ? 0 : children.front();
}

pid_t child_named(pid_t parent, std::string_view name) {
  for (const pid_t child : test::children_of(parent))
    if (test::process_name(child) == name) return child;
  return 0;
}

std::size_t count_children() {
  std::size_t count = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream children(task.path() / "children");
    count +=
        static_cast<std::size_t>(std::distance(std::istream_iterator<pid_t>(children), std::istream_iterator<pid_t>()));
  }
  return count;
}

Finished run_to_end(const std::vector<std::string>& command) {
  Pipe pipe = make_pipe();
  Process process = Process::start(command, {.out = pipe.write_end.get(), .error = pipe.write_end.get()});
  pipe.write_end.reset();
  Finished finished;
  char buffer[4096];
  for (;;) {
    pollfd entry{pipe.read_end.get(), POLLIN, 0};
    if (::poll(&entry, 1, static_cast<int>(std::chrono::milliseconds(kProcessPatience).count())) <= 0) break;
    const ssize_t got = ::read(pipe.read_end.get(), buffer, sizeof(buffer));
    if (got <= 0) break;
    finished.output.append(buffer, static_cast<std::size_t>(got));
  }
  finished.how = process.wait();
  return finished;
}

Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail("pipe2");
  return {shm::UniqueFd(ends[0]), shm::UniqueFd(ends[1])};
}

}  // namespace dolium::e2e
