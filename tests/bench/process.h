#pragma once
// Processes, and the cores they run on: forked children that work on command, a daemon for the benchmark, and the
// affinity that both inherit.

#include <sched.h>
#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <dolium/client.h>

#include "tests/bench/harness.h"

namespace dolium::bench {

/// Restricts this thread, and every process that it starts meanwhile, to `count` cores. One destructor undoes it.
class Cores {
 public:
  explicit Cores(int count);
  Cores(const Cores&) = delete;
  Cores& operator=(const Cores&) = delete;
  ~Cores();

  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  cpu_set_t before_;
  std::string name_;
};

/// How many cores this process may use.
[[nodiscard]] int usable_cores();

/// One end of a socketpair: numbers to and fro. A resource: moves.
class Channel {
 public:
  explicit Channel(int fd) noexcept : fd_(fd) {}
  Channel(Channel&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Channel& operator=(Channel&&) = delete;
  ~Channel();

  void tell(double value) const;
  /// False when the other end is gone.
  [[nodiscard]] bool hear(double& value) const;
  [[nodiscard]] double must_hear() const;
  /// The other end hears the end, even while processes that were forked meanwhile have inherited this one.
  void hang_up() const;

 private:
  int fd_;
};

/// A forked child that runs `body` and exits. The destructor hangs up, which a child that listens takes for the
/// end, and waits for it; a child that does not listen is killed when we die.
class Child {
 public:
  explicit Child(const std::function<void(const Channel&)>& body);
  Child(Child&&) noexcept;
  Child& operator=(Child&&) = delete;
  ~Child();

  [[nodiscard]] const Channel& channel() const noexcept { return *channel_; }
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  /// Tells the child a number and waits for its answer.
  double ask(double value = 0) const;

 private:
  pid_t pid_ = -1;
  std::unique_ptr<Channel> channel_;
};

/// A doliumd of this build on a socket of its own, gone with this object.
class Daemon {
 public:
  struct Options {
    std::uint64_t capacity = kGiB;
    std::uint64_t max_objects = 0;
    std::vector<std::string> more = {};
  };
  Daemon() : Daemon(Options{}) {}
  explicit Daemon(const Options& options);
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  ~Daemon();

  [[nodiscard]] std::shared_ptr<Client> connect() const;
  [[nodiscard]] const std::string& socket() const noexcept { return socket_; }
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

 private:
  std::string directory_;
  std::string socket_;
  pid_t pid_ = -1;
};

/// Starts a program that dies with us; its process id.
pid_t start_program(const std::vector<std::string>& command, bool silent);

/// CPU time of all its threads so far.
double cpu_ns(pid_t process);

/// Runs a program to its end; its exit status, -1 when it could not be run. Output goes where ours goes, or
/// nowhere.
int run_program(const std::vector<std::string>& command, bool silent);

}  // namespace dolium::bench
