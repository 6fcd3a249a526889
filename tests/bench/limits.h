#pragma once
// The limits of the machine itself, as a reference in the same run: a bare socket ping-pong, relays over futexes and
// over sockets, a plain copy into warm memory.

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "tests/bench/process.h"

namespace dolium::bench {

/// A round trip over a Unix stream socket to a process that does nothing else.
class SocketPingPong {
 public:
  static constexpr std::size_t kMessageBytes = 64;

  SocketPingPong();
  ~SocketPingPong();
  void round_trip() const;

 private:
  int fd_ = -1;
  std::unique_ptr<Child> echo_;
};

/// From this process through a second to a third, each blocked on a futex in shared memory: the least that a
/// hand-over through a broker can cost.
class FutexRelay {
 public:
  FutexRelay();
  ~FutexRelay();
  /// Nanoseconds from here to the third process's return.
  [[nodiscard]] double relay() const;

 private:
  struct Shared;
  Shared* shared_ = nullptr;
  std::unique_ptr<Child> broker_;
  std::unique_ptr<Child> receiver_;
};

/// The same relay as a broker must do it that has more than one client, and a client that notices its broker's death:
/// the broker sleeps in epoll, the third process in poll, and what wakes them is a byte in a Unix socket.
class SocketRelay {
 public:
  SocketRelay();
  ~SocketRelay();
  [[nodiscard]] double relay() const;

 private:
  int to_broker_ = -1;
  int from_receiver_ = -1;
  std::unique_ptr<Child> broker_;
  std::unique_ptr<Child> receiver_;
};

/// Anonymous private memory, every page touched: where a memcpy is as fast as it gets.
class WarmMemory {
 public:
  explicit WarmMemory(std::size_t bytes);
  WarmMemory(const WarmMemory&) = delete;
  WarmMemory& operator=(const WarmMemory&) = delete;
  ~WarmMemory();
  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }

 private:
  std::span<std::byte> bytes_;
};

}  // namespace dolium::bench
