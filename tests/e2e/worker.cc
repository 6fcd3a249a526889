#include "tests/e2e/worker.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>

namespace dolium::e2e {

Worker::Worker(const std::string& socket) {
  Pipe commands = make_pipe();
  Pipe replies = make_pipe();
  const shm::UniqueFd errors(::dup(STDERR_FILENO));
  process_ = Process::start({DOLIUM_E2E_WORKER_PATH, socket},
                            {.in = commands.read_end.get(), .out = replies.write_end.get(), .error = errors.get()});
  commands_ = std::move(commands.write_end);
  replies_ = std::move(replies.read_end);
}

Worker::Worker(const Daemon& daemon) : Worker(daemon.socket()) {
  REQUIRE(ask("connect") == "ok");
}

Worker Worker::unconnected(const Daemon& daemon) {
  return Worker(daemon.socket());
}

Worker::~Worker() {
  if (process_.running()) CHECK(finish() == "exit 0");
}

std::string Worker::ask(const std::string& command) {
  tell(command);
  return reply();
}

void Worker::tell(const std::string& command) {
  const std::string line = command + '\n';
  REQUIRE(::write(commands_.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size()));
}

bool Worker::has_reply() const {
  pollfd entry{replies_.get(), POLLIN, 0};
  return unread_.find('\n') != std::string::npos || ::poll(&entry, 1, 0) == 1;
}

std::string Worker::reply() {
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
    if (got <= 0) return "no reply: " + process_.wait();
    unread_.append(buffer, static_cast<std::size_t>(got));
  }
}

void Worker::kill() {
  CHECK(process_.kill() == "signal 9");
}

std::string Worker::finish() {
  commands_.reset();
  return process_.wait();
}

}  // namespace dolium::e2e
