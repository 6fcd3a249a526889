#include "tests/e2e/worker.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

namespace dolium::e2e {

Worker::Worker(const char* program, const std::string& socket) {
  Pipe commands = make_pipe();
  Pipe replies = make_pipe();
  const shm::UniqueFd errors(::dup(STDERR_FILENO));
  process_ = Process::start({program, socket},
                            {.in = commands.read_end.get(), .out = replies.write_end.get(), .error = errors.get()});
  commands_ = std::move(commands.write_end);
  replies_ = std::move(replies.read_end);
}

Worker::Worker(const Daemon& daemon) : Worker(DOLIUM_E2E_WORKER_PATH, daemon.socket()) {
  REQUIRE(ask("connect") == "ok");
}

Worker Worker::unconnected(const Daemon& daemon) {
  return {DOLIUM_E2E_WORKER_PATH, daemon.socket()};
}

Worker Worker::stepper(const Daemon& daemon) {
  return {DOLIUM_E2E_STEPPER_PATH, daemon.socket()};
}

Worker::~Worker() {
  if (process_.running()) CHECK(finish() == "exit 0");
}

std::string Conversation::ask(const std::string& command) {
  tell(command);
  return reply();
}

void Conversation::tell(const std::string& command) {
  const std::string line = command + '\n';
  REQUIRE(::write(commands_.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size()));
}

bool Conversation::has_reply() const {
  pollfd entry{replies_.get(), POLLIN, 0};
  return unread_.find('\n') != std::string::npos || ::poll(&entry, 1, 0) == 1;
}

std::string Conversation::reply() {
  for (;;) {
    if (const std::size_t end = unread_.find('\n'); end != std::string::npos) {
      std::string line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      return line;
    }
    pollfd entry{replies_.get(), POLLIN, 0};
    if (::poll(&entry, 1, static_cast<int>(std::chrono::milliseconds(kProcessPatience).count())) != 1)
      return "no reply: out of patience";
    char buffer[4096];
    const ssize_t got = ::read(replies_.get(), buffer, sizeof(buffer));
    if (got <= 0) return "no reply: " + how_it_ended();
    unread_.append(buffer, static_cast<std::size_t>(got));
  }
}

ForkedWorker Conversation::fork() {
  ForkedWorker child;
  const std::string path = (child.directory_->path() / "worker").string();
  for (const char* way : {".in", ".out"}) REQUIRE(::mkfifo((path + way).c_str(), 0600) == 0);
  // Opened in a way that waits for nobody; and so that it is the child alone that has the writing end of its replies.
  child.commands_ = shm::UniqueFd(::open((path + ".in").c_str(), O_RDWR | O_CLOEXEC));
  child.replies_ = shm::UniqueFd(::open((path + ".out").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  const std::string answer = ask("fork " + path);
  REQUIRE_THAT(answer, Catch::StartsWith("ok "));
  child.pid_ = std::stoi(answer.substr(3));
  child.handle_ = shm::UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, child.pid_, 0)));
  REQUIRE(child.handle_.valid());
  REQUIRE(child.reply() == "ok");
  return child;
}

ForkedWorker::ForkedWorker() : directory_(std::make_unique<TemporaryDirectory>()) {}

ForkedWorker::~ForkedWorker() {
  if (handle_.valid()) finish();
}

void ForkedWorker::kill() {
  CHECK(::kill(pid_, SIGKILL) == 0);
  await_end();
}

void ForkedWorker::finish() {
  commands_.reset();
  await_end();
}

void ForkedWorker::await_end() {
  pollfd entry{handle_.get(), POLLIN, 0};
  CHECK(::poll(&entry, 1, static_cast<int>(std::chrono::milliseconds(kProcessPatience).count())) == 1);
  handle_.reset();
}

void Worker::kill() {
  CHECK(process_.kill() == "signal 9");
}

std::string Worker::finish() {
  commands_.reset();
  return process_.wait();
}

}  // namespace dolium::e2e
