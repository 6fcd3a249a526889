#pragma once
// Plan: which call of a process under the interposer fails, and how. It is one page, which the test writes and the
// processes under test read (interposer.cc). So a plan can change while they run, and the test sees how often it has
// struck.
//
// `armed` is set last, after all other fields.

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

namespace dolium::faults {

/// Where the processes under test find the file of the page.
inline constexpr const char* kPlanVariable = "DOLIUM_FAULT_PLAN";

/// The calls that can be made to fail, by the name that the C library gives them; `heap` is malloc() and its like, and
/// with them operator new.
enum class Call : std::uint32_t {
  none,
  heap,
  mmap,
  madvise,
  memfd_create,
  ftruncate,
  fallocate,
  fcntl,
  open,
  dup,
  eventfd,
  epoll_create1,
  epoll_ctl,
  epoll_wait,
  poll,
  socket,
  socketpair,
  connect,
  accept4,
  getsockopt,
  setsockopt,
  sendmsg,
  recvmsg,
  send,
  recv,
  read,
  write,
  pidfd_open,
  fork,
  kCount
};
inline constexpr std::array<std::string_view, static_cast<std::size_t>(Call::kCount)> kCallNames = {
    "none",       "heap",    "mmap",    "madvise",       "memfd_create", "ftruncate",  "fallocate", "fcntl",
    "open",       "dup",     "eventfd", "epoll_create1", "epoll_ctl",    "epoll_wait", "poll",      "socket",
    "socketpair", "connect", "accept4", "getsockopt",    "setsockopt",   "sendmsg",    "recvmsg",   "send",
    "recv",       "read",    "write",   "pidfd_open",    "fork"};

/// Which process. doliumd is two, of the same program.
enum class Role : std::uint32_t { keeper_or_client, server };

/// Which calls, counted from the one numbered `countdown`.
enum class Span : std::uint32_t { once, from_then_on, every_second };

/// Instead of an errno: the call moves one byte. Only of streams, where less than all is always possible.
inline constexpr std::int32_t kShort = -1;

struct Plan {
  std::atomic<std::uint32_t> armed;
  std::atomic<Call> call;
  std::atomic<Role> role;
  std::atomic<Span> span;
  std::atomic<std::int32_t> error;      ///< an errno, or kShort
  std::atomic<std::int64_t> countdown;  ///< 1: the next call
  std::atomic<std::int32_t> thread;     ///< of this thread alone (its number); 0: of any
  std::atomic<std::uint64_t> struck;
  std::atomic<std::int64_t> wall_shift_s;  ///< added to what the wall clock says, in every process
};
static_assert(std::atomic<std::int64_t>::is_always_lock_free && std::atomic<Call>::is_always_lock_free);

}  // namespace dolium::faults
