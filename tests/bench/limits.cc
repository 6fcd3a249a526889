#include "tests/bench/limits.h"

#include <linux/futex.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <climits>
#include <cstring>

namespace dolium::bench {
namespace {

using Word = std::atomic<std::uint32_t>;

void futex_wait(Word& word, std::uint32_t seen) {
  ::syscall(SYS_futex, &word, FUTEX_WAIT, seen, nullptr, nullptr, 0);
}

void post(Word& word) {
  word.fetch_add(1);
  ::syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

void await(Word& word, std::uint32_t& seen) {
  while (word.load() == seen) futex_wait(word, seen);
  ++seen;
}

struct Ends {
  int near = -1;
  int far = -1;
};

Ends socket_pair() {
  int ends[2];
  require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "no socketpair");
  return {ends[0], ends[1]};
}

void* map_shared(std::size_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  require(memory != MAP_FAILED, "no shared memory");
  return memory;
}

}  // namespace

// ---- socket ----

SocketPingPong::SocketPingPong() {
  const Ends ends = socket_pair();
  fd_ = ends.near;
  echo_ = std::make_unique<Child>([&](const Channel&) {
    ::close(ends.near);
    std::array<std::byte, kMessageBytes> message;
    while (::recv(ends.far, message.data(), message.size(), MSG_WAITALL) == kMessageBytes)
      if (::send(ends.far, message.data(), message.size(), MSG_NOSIGNAL) != kMessageBytes) return;
  });
  ::close(ends.far);
}

SocketPingPong::~SocketPingPong() {
  ::shutdown(fd_, SHUT_RDWR);  // others may have inherited it
  ::close(fd_);
}

void SocketPingPong::round_trip() const {
  std::array<std::byte, kMessageBytes> message{};
  const bool sent = ::send(fd_, message.data(), message.size(), MSG_NOSIGNAL) == kMessageBytes;
  require(sent && ::recv(fd_, message.data(), message.size(), MSG_WAITALL) == kMessageBytes, "the echo is gone");
}

// ---- futex ----

struct FutexRelay::Shared {
  alignas(64) Word to_broker;
  alignas(64) Word to_receiver;
  alignas(64) Word back;
  alignas(64) std::atomic<std::int64_t> arrived_ns;
  alignas(64) std::atomic<bool> over;
};

FutexRelay::FutexRelay() : shared_(static_cast<Shared*>(map_shared(sizeof(Shared)))) {
  Shared& shared = *shared_;
  broker_ = std::make_unique<Child>([&](const Channel&) {
    for (std::uint32_t seen = 0; !shared.over;) {
      await(shared.to_broker, seen);
      post(shared.to_receiver);
    }
  });
  receiver_ = std::make_unique<Child>([&](const Channel&) {
    for (std::uint32_t seen = 0; !shared.over;) {
      await(shared.to_receiver, seen);
      shared.arrived_ns = now_ns();
      post(shared.back);
    }
  });
}

FutexRelay::~FutexRelay() {
  shared_->over = true;
  post(shared_->to_broker);
  post(shared_->to_receiver);
  broker_.reset();
  receiver_.reset();
  ::munmap(shared_, sizeof(Shared));
}

double FutexRelay::relay() const {
  std::uint32_t seen = shared_->back;
  const std::int64_t begin = now_ns();
  post(shared_->to_broker);
  await(shared_->back, seen);
  return static_cast<double>(shared_->arrived_ns - begin);
}

// ---- relay over sockets ----

namespace {

/// False when the other end is closed.
bool take_byte(int socket) {
  std::byte byte;
  return ::recv(socket, &byte, 1, MSG_DONTWAIT) == 1;
}

void send_byte(int socket) {
  constexpr std::byte kByte{1};
  require(::send(socket, &kByte, 1, MSG_NOSIGNAL) == 1, "the other end of a relay is gone");
}

void broke(int from, int to) {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{.events = EPOLLIN, .data = {}};
  require(epoll >= 0 && ::epoll_ctl(epoll, EPOLL_CTL_ADD, from, &event) == 0, "no epoll");
  while (::epoll_wait(epoll, &event, 1, -1) == 1 && take_byte(from)) send_byte(to);
}

void receive(int from, int back) {
  for (pollfd readable{from, POLLIN, 0}; ::poll(&readable, 1, -1) == 1 && take_byte(from);) {
    const std::int64_t arrived = now_ns();
    require(::send(back, &arrived, sizeof(arrived), MSG_NOSIGNAL) == sizeof(arrived), "nobody hears the receiver");
  }
}

}  // namespace

SocketRelay::SocketRelay() {
  const Ends first = socket_pair();
  const Ends second = socket_pair();
  const Ends back = socket_pair();
  broker_ = std::make_unique<Child>([&](const Channel&) {
    ::close(first.near);
    ::close(second.far);
    broke(first.far, second.near);
  });
  receiver_ = std::make_unique<Child>([&](const Channel&) {
    ::close(first.near);
    ::close(first.far);
    ::close(second.near);
    receive(second.far, back.far);
  });
  for (const int end : {first.far, second.near, second.far, back.far}) ::close(end);
  to_broker_ = first.near;
  from_receiver_ = back.near;
}

SocketRelay::~SocketRelay() {
  ::shutdown(to_broker_, SHUT_RDWR);  // others may have inherited it
  ::close(to_broker_);
  ::close(from_receiver_);
}

double SocketRelay::relay() const {
  const std::int64_t begin = now_ns();
  send_byte(to_broker_);
  std::int64_t arrived = 0;
  require(::recv(from_receiver_, &arrived, sizeof(arrived), MSG_WAITALL) == sizeof(arrived), "the relay is gone");
  return static_cast<double>(arrived - begin);
}

// ---- memory ----

WarmMemory::WarmMemory(std::size_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  require(memory != MAP_FAILED, "no memory");
  std::memset(memory, 0x5a, bytes);
  bytes_ = {static_cast<std::byte*>(memory), bytes};
}

WarmMemory::~WarmMemory() {
  ::munmap(bytes_.data(), bytes_.size());
}

}  // namespace dolium::bench
