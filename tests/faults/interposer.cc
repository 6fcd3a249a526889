// The interposer: a library that is loaded before all others (LD_PRELOAD), stands between a program and the C library,
// and makes calls fail as the Plan says. Everything else goes through untouched.
//
// It runs inside malloc(), before main() and after fork(): it allocates nothing, locks nothing, and asks the kernel by
// syscall() alone. Heap calls go on to glibc's own names for them, everything else to the next definition.

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "tests/faults/plan.h"

using dolium::faults::Call;
using dolium::faults::kShort;
using dolium::faults::Plan;
using dolium::faults::Role;
using dolium::faults::Span;

// The names are the C library's.

// NOLINTBEGIN(readability-identifier-naming, readability-inconsistent-declaration-parameter-name)

// NOLINTBEGIN(cert-dcl50-cpp, cppcoreguidelines-pro-type-vararg, bugprone-reserved-identifier, cert-dcl37-c)

// NOLINTBEGIN(cert-dcl51-cpp, bugprone-macro-parentheses)

#define DOLIUM_EXPORT extern "C" __attribute__((visibility("default")))

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
}

namespace {

Plan* plan = nullptr;
Role own_role = Role::keeper_or_client;

__attribute__((constructor)) void find_plan() {
  const char* path = std::getenv(dolium::faults::kPlanVariable);
  if (path == nullptr) return;
  const auto fd = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC));
  if (fd < 0) return;
  const long page = ::syscall(SYS_mmap, nullptr, sizeof(Plan), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0L);
  ::syscall(SYS_close, fd);
  if (page == -1) return;
  own_role = std::getenv("DOLIUMD_KEEPER") == nullptr ? Role::keeper_or_client : Role::server;
  plan = reinterpret_cast<Plan*>(page);
}

bool due(Span span) {
  const std::int64_t left = plan->countdown.fetch_sub(1) - 1;
  switch (span) {
    case Span::once: return left == 0;
    case Span::from_then_on: return left <= 0;
    case Span::every_second: return left <= 0 && left % 2 == 0;
  }
  return false;
}

/// The errno that this call shall fail with, kShort, or 0.
std::int32_t fault(Call call) {
  if (plan == nullptr || plan->armed.load() == 0 || plan->call.load() != call || plan->role.load() != own_role)
    return 0;
  const std::int32_t thread = plan->thread.load();
  if (thread != 0 && ::syscall(SYS_gettid) != thread) return 0;
  const std::int32_t error = plan->error.load();
  if (!due(plan->span.load())) return 0;
  plan->struck.fetch_add(1);
  return error;
}

/// The same for what can be made to fail, but not to be short.
bool fails(Call call) {
  const std::int32_t error = fault(call);
  if (error <= 0) return false;
  errno = error;
  return true;
}

bool is_stream(int fd) {
  int type = 0;
  socklen_t size = sizeof(type);
  return ::syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

/// What is left of `size`, or nothing when the call shall fail.
bool limit(Call call, int fd, std::size_t& size) {
  // What cannot happen is not counted: one byte is never cut, messages never are, and the daemon's two halves talk over
  // a socket of messages that waits.
  const std::int32_t planned = plan == nullptr ? 0 : plan->error.load();
  if (planned == kShort && size <= 1) return true;
  if ((planned == kShort || planned == EAGAIN) && !is_stream(fd)) return true;
  const std::int32_t error = fault(call);
  if (error == kShort) size = 1;
  if (error <= 0) return true;
  errno = error;
  return false;
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

// ---- the heap ----

DOLIUM_EXPORT void* malloc(std::size_t size) {
  return fails(Call::heap) ? nullptr : __libc_malloc(size);
}
DOLIUM_EXPORT void* calloc(std::size_t count, std::size_t size) {
  return fails(Call::heap) ? nullptr : __libc_calloc(count, size);
}
DOLIUM_EXPORT void* realloc(void* memory, std::size_t size) {
  return size != 0 && fails(Call::heap) ? nullptr : __libc_realloc(memory, size);
}
DOLIUM_EXPORT void* aligned_alloc(std::size_t alignment, std::size_t size) {
  return fails(Call::heap) ? nullptr : __libc_memalign(alignment, size);
}

// ---- what fails with -1 ----

// A function of the C library, under both of its names where it has two.
#define DOLIUM_FAULTY(name, call, parameters, arguments)   \
  DOLIUM_EXPORT int name parameters {                      \
    static auto* const real = next<int parameters>(#name); \
    return fails(Call::call) ? -1 : real arguments;        \
  }

DOLIUM_FAULTY(madvise, madvise, (void* address, std::size_t size, int advice), (address, size, advice))
DOLIUM_FAULTY(memfd_create, memfd_create, (const char* name, unsigned flags), (name, flags))
DOLIUM_FAULTY(ftruncate, ftruncate, (int fd, off_t size), (fd, size))
DOLIUM_FAULTY(fallocate, fallocate, (int fd, int mode, off_t offset, off_t size), (fd, mode, offset, size))
DOLIUM_FAULTY(dup, dup, (int fd), (fd))
DOLIUM_FAULTY(eventfd, eventfd, (unsigned count, int flags), (count, flags))
DOLIUM_FAULTY(epoll_create1, epoll_create1, (int flags), (flags))
DOLIUM_FAULTY(epoll_ctl, epoll_ctl, (int epoll, int operation, int fd, epoll_event* event),
              (epoll, operation, fd, event))
DOLIUM_FAULTY(epoll_wait, epoll_wait, (int epoll, epoll_event* events, int count, int timeout),
              (epoll, events, count, timeout))
DOLIUM_FAULTY(epoll_pwait, epoll_wait, (int epoll, epoll_event* events, int count, int timeout, const sigset_t* mask),
              (epoll, events, count, timeout, mask))
DOLIUM_FAULTY(poll, poll, (pollfd * entries, nfds_t count, int timeout), (entries, count, timeout))
DOLIUM_FAULTY(ppoll, poll, (pollfd * entries, nfds_t count, const timespec* timeout, const sigset_t* mask),
              (entries, count, timeout, mask))
DOLIUM_FAULTY(socket, socket, (int domain, int type, int protocol), (domain, type, protocol))
DOLIUM_FAULTY(socketpair, socketpair, (int domain, int type, int protocol, int* ends), (domain, type, protocol, ends))
DOLIUM_FAULTY(connect, connect, (int fd, const sockaddr* address, socklen_t size), (fd, address, size))
DOLIUM_FAULTY(accept4, accept4, (int fd, sockaddr* address, socklen_t* size, int flags), (fd, address, size, flags))

/// ENOPROTOOPT: only of what kernels before 6.5 do not know, SO_PEERPIDFD.
DOLIUM_EXPORT int getsockopt(int fd, int level, int name, void* value, socklen_t* size) {
  static auto* const real = next<int(int, int, int, void*, socklen_t*)>("getsockopt");
  constexpr int kPeerPidfd = 77;
  const bool spared = plan != nullptr && plan->error.load() == ENOPROTOOPT && name != kPeerPidfd;
  return !spared && fails(Call::getsockopt) ? -1 : real(fd, level, name, value, size);
}
DOLIUM_FAULTY(setsockopt, setsockopt, (int fd, int level, int name, const void* value, socklen_t size),
              (fd, level, name, value, size))
DOLIUM_FAULTY(fork, fork, (), ())

DOLIUM_EXPORT void* mmap(void* address, std::size_t size, int protection, int flags, int fd, off_t offset) {
  static auto* const real = next<void*(void*, std::size_t, int, int, int, off_t)>("mmap");
  return fails(Call::mmap) ? MAP_FAILED : real(address, size, protection, flags, fd, offset);
}

DOLIUM_EXPORT int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  static auto* const real = next<int(const char*, int, ...)>("open");
  return fails(Call::open) ? -1 : real(path, flags, mode);
}

/// Every command of it that we use takes one number, or nothing.
DOLIUM_EXPORT int fcntl(int fd, int command, ...) {
  va_list rest;
  va_start(rest, command);
  void* argument = va_arg(rest, void*);
  va_end(rest);
  static auto* const real = next<int(int, int, ...)>("fcntl");
  const bool may_fail = command == F_DUPFD_CLOEXEC || command == F_ADD_SEALS;
  return may_fail && fails(Call::fcntl) ? -1 : real(fd, command, argument);
}

/// pidfd_open() has no name of its own that C++ could link to.
DOLIUM_EXPORT long syscall(long number, ...) noexcept {
  va_list rest;
  va_start(rest, number);
  long a[6];
  for (long& each : a) each = va_arg(rest, long);
  va_end(rest);
  static auto* const real = next<long(long, ...)>("syscall");
  if (number == SYS_pidfd_open && fails(Call::pidfd_open)) return -1;
  return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

// ---- what moves bytes ----

DOLIUM_EXPORT ssize_t send(int fd, const void* bytes, std::size_t size, int flags) {
  static auto* const real = next<ssize_t(int, const void*, std::size_t, int)>("send");
  return limit(Call::send, fd, size) ? real(fd, bytes, size, flags) : -1;
}
DOLIUM_EXPORT ssize_t recv(int fd, void* bytes, std::size_t size, int flags) {
  static auto* const real = next<ssize_t(int, void*, std::size_t, int)>("recv");
  return limit(Call::recv, fd, size) ? real(fd, bytes, size, flags) : -1;
}
DOLIUM_EXPORT ssize_t read(int fd, void* bytes, std::size_t size) {
  static auto* const real = next<ssize_t(int, void*, std::size_t)>("read");
  return limit(Call::read, fd, size) ? real(fd, bytes, size) : -1;
}
DOLIUM_EXPORT ssize_t write(int fd, const void* bytes, std::size_t size) {
  static auto* const real = next<ssize_t(int, const void*, std::size_t)>("write");
  return limit(Call::write, fd, size) ? real(fd, bytes, size) : -1;
}

/// Of several pieces the first alone, or its first byte.
DOLIUM_EXPORT ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  static auto* const real = next<ssize_t(int, const msghdr*, int)>("sendmsg");
  iovec first = *message->msg_iov;
  const std::size_t whole = first.iov_len;
  // Too many of them are under way: of descriptors, that is.
  if (plan != nullptr && plan->error.load() == ETOOMANYREFS && message->msg_controllen == 0)
    return real(fd, message, flags);
  if (!limit(Call::sendmsg, fd, first.iov_len)) return -1;
  if (first.iov_len == whole) return real(fd, message, flags);
  msghdr shortened = *message;
  shortened.msg_iov = &first;
  shortened.msg_iovlen = 1;
  return real(fd, &shortened, flags);
}
DOLIUM_EXPORT ssize_t recvmsg(int fd, msghdr* message, int flags) {
  static auto* const real = next<ssize_t(int, msghdr*, int)>("recvmsg");
  iovec first = *message->msg_iov;
  const std::size_t whole = first.iov_len;
  if (!limit(Call::recvmsg, fd, first.iov_len)) return -1;
  if (first.iov_len == whole) return real(fd, message, flags);
  iovec* const pieces = message->msg_iov;
  const std::size_t count = message->msg_iovlen;
  message->msg_iov = &first;
  message->msg_iovlen = 1;
  const ssize_t got = real(fd, message, flags);
  message->msg_iov = pieces;
  message->msg_iovlen = count;
  return got;
}

// ---- the wall clock ----

DOLIUM_EXPORT int clock_gettime(clockid_t clock, timespec* time) noexcept {
  static auto* const real = next<int(clockid_t, timespec*)>("clock_gettime");
  const int result = real(clock, time);
  if (result == 0 && plan != nullptr && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    time->tv_sec += plan->wall_shift_s.load();
  return result;
}
DOLIUM_EXPORT int gettimeofday(timeval* time, void* zone) noexcept {
  static auto* const real = next<int(timeval*, void*)>("gettimeofday");
  const int result = real(time, zone);
  if (result == 0 && plan != nullptr) time->tv_sec += plan->wall_shift_s.load();
  return result;
}
DOLIUM_EXPORT std::time_t time(std::time_t* out) noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  if (out != nullptr) *out = now.tv_sec;
  return now.tv_sec;
}

// NOLINTEND(cert-dcl51-cpp, bugprone-macro-parentheses)

// NOLINTEND(cert-dcl50-cpp, cppcoreguidelines-pro-type-vararg, bugprone-reserved-identifier, cert-dcl37-c)

// NOLINTEND(readability-identifier-naming, readability-inconsistent-declaration-parameter-name)
