#pragma once
// Worker: another process (e2e_worker) that uses the store on command: one line per command, one line per reply.
// Between a reply and the next command it does nothing, so it can be killed or stopped at a known point. The reply to a
// command that waits in the store comes when the store answers.
//
// Replies: "ok", perhaps followed by more words, or the name of the error's code. The commands are in
// worker_commands.h.

#include <string>

#include "tests/e2e/daemon_fixture.h"

namespace dolium::e2e {

class ForkedWorker;

/// What can be said to a worker.
class Conversation {
 public:
  /// Says a command, and waits for its reply.
  [[nodiscard]] std::string ask(const std::string& command);
  /// Says a command whose reply comes later, or never.
  void tell(const std::string& command);
  /// The next reply that was not yet read; "no reply: ..." when the worker ended or patience did.
  [[nodiscard]] std::string reply();
  /// Whether a reply is there to be read.
  [[nodiscard]] bool has_reply() const;
  /// The worker forks. Its child has all that the worker has, and takes the same commands.
  [[nodiscard]] ForkedWorker fork();

 protected:
  Conversation() = default;
  Conversation(Conversation&&) noexcept = default;
  ~Conversation() = default;
  /// How the worker ended, when it has.
  [[nodiscard]] virtual std::string how_it_ended() = 0;

  shm::UniqueFd commands_;
  shm::UniqueFd replies_;

 private:
  std::string unread_;
};

class Worker final : public Conversation {
 public:
  /// Connected, with Client::connect()'s defaults.
  explicit Worker(const Daemon& daemon);
  /// Started, not connected; `ask("connect")` does that.
  [[nodiscard]] static Worker unconnected(const Daemon& daemon);
  /// Likewise; one that can be told to die or to stop at a named point (points.h).
  [[nodiscard]] static Worker stepper(const Daemon& daemon);
  Worker(Worker&&) noexcept = default;
  /// Unless it was killed, it must end by itself with status 0: under a sanitizer that says that it leaked nothing.
  ~Worker();

  /// SIGKILL; returns when it is gone.
  void kill();
  /// Ends as a program does, destructors and all; how it ended.
  [[nodiscard]] std::string finish();
  /// Its commands end, and nobody waits for it.
  void hang_up() { commands_.reset(); }
  [[nodiscard]] Process& process() noexcept { return process_; }
  [[nodiscard]] pid_t pid() const noexcept { return process_.pid(); }

 private:
  Worker(const char* program, const std::string& socket);
  [[nodiscard]] std::string how_it_ended() override { return process_.wait(); }

  Process process_;
};

/// A child of a worker. Ends with its owner, not with its parent.
class ForkedWorker final : public Conversation {
 public:
  ForkedWorker(ForkedWorker&&) noexcept = default;
  ~ForkedWorker();
  /// SIGKILL; returns when it is gone.
  void kill();
  /// Ends as a program does; returns when it is gone.
  void finish();
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

 private:
  friend Conversation;
  ForkedWorker();
  [[nodiscard]] std::string how_it_ended() override { return "it has ended"; }
  void await_end();

  std::unique_ptr<TemporaryDirectory> directory_;
  pid_t pid_ = -1;
  shm::UniqueFd handle_;  // pidfd; invalid when it is gone
};

}  // namespace dolium::e2e
