#include "tests/faults/faults.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "tests/e2e/campaign.h"

namespace dolium::faults {

std::string words_for(std::int32_t error) {
  return error == kShort ? "one byte only" : std::generic_category().message(error);
}

std::string Fault::text() const {
  constexpr std::string_view kSpans[] = {"", " and all after it", " and every second after it"};
  return fmt::format("call {} of {}{} in the {}: {}", n, kCallNames.at(static_cast<std::size_t>(call)),
                     kSpans[static_cast<std::size_t>(span)], role == Role::server ? "server" : "keeper or client",
                     words_for(error));
}

// One thread starts processes here: NOLINTBEGIN(concurrency-mt-unsafe)

Faults::Faults() {
  const std::string path = (directory_.path() / "plan").string();
  const shm::UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  REQUIRE(::ftruncate(file.get(), sizeof(Plan)) == 0);
  void* page = ::mmap(nullptr, sizeof(Plan), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  REQUIRE(page != MAP_FAILED);
  plan_ = static_cast<Plan*>(page);
  REQUIRE(::setenv(kPlanVariable, path.c_str(), 1) == 0);
  REQUIRE(::setenv("LD_PRELOAD", DOLIUM_INTERPOSER_PATH, 1) == 0);
}

Faults::~Faults() {
  ::unsetenv("LD_PRELOAD");
  ::unsetenv(kPlanVariable);
  ::munmap(plan_, sizeof(Plan));
}

// NOLINTEND(concurrency-mt-unsafe)

void Faults::arm(const Fault& fault) {
  prepare(fault);
  plan_->armed.store(1);
}

void Faults::prepare(const Fault& fault) {
  plan_->call.store(fault.call);
  plan_->role.store(fault.role);
  plan_->span.store(fault.span);
  plan_->error.store(fault.error);
  plan_->countdown.store(fault.n);
  plan_->thread.store(0);
  plan_->struck.store(0);
}

std::uint64_t Faults::disarm() {
  plan_->armed.store(0);
  return plan_->struck.load();
}

std::int64_t next_n(std::int64_t n) {
  static const bool all = e2e::from_environment("DOLIUM_FAULTS_ALL", 0) != 0;
  return all || n < 3 ? n + 1 : n * 2;
}

// What section ERRORS of the manual has for a call and is not here cannot happen to the calls that we make, or would be
// a lie in a way that no kernel tells:
//
//   a descriptor, an address or an argument that is no good   is a bug of ours, and would be one in each run
//   EPIPE, ECONNRESET of a connection                         say that its other end is closed, and then it is:
//                                                             kill_test.cc and restart_test.cc close it. Said of one
//                                                             that is open they leave the other side waiting for what
//                                                             will not come
//   EAGAIN of send()                                          says of a bell that there are bells enough unread
//   EAGAIN of read() and write()                              theirs are descriptors of ours alone (signals, libuv's
//                                                             wake-ups), read when they are readable; eventfds never
//                                                             fill
//   ENOMEM of poll()                                          it takes memory for more descriptors than our one or two
//   ESRCH of getsockopt()                                     who connects is gone, and is told so (peer_test.cc)
//
// The file system's calls for the socket (bind, chmod, flock, pwrite) meet a real full disk in exhaustion_test.cc.
const std::vector<Row>& fault_table() {
  static const std::vector<Row> table = {
      {Call::heap, {ENOMEM}},
      {Call::mmap, {ENOMEM, EAGAIN}},
      {Call::madvise, {ENOMEM, EAGAIN, EINVAL}},               // EINVAL: kernels without the advice
      {Call::memfd_create, {ENOMEM, EMFILE, ENFILE, EACCES}},  // EACCES: vm.memfd_noexec
      {Call::ftruncate, {ENOMEM, ENOSPC, EINTR}},
      {Call::fallocate, {ENOMEM, ENOSPC, EINTR}},
      {Call::fcntl, {EMFILE, EINTR}},
      {Call::open, {EMFILE, ENFILE, ENOMEM, EACCES, EINTR}},
      {Call::dup, {EMFILE}},
      {Call::eventfd, {ENOMEM, EMFILE, ENFILE}},
      {Call::epoll_create1, {ENOMEM, EMFILE, ENFILE}},
      {Call::epoll_ctl, {ENOMEM, ENOSPC}},
      {Call::epoll_wait, {EINTR}},
      {Call::poll, {EINTR}},
      {Call::socket, {ENOMEM, ENOBUFS, EMFILE, ENFILE}},
      {Call::socketpair, {ENOMEM, EMFILE, ENFILE}},
      {Call::connect, {EAGAIN, ECONNREFUSED, ENOENT, EACCES, ENOMEM, EINTR}},
      {Call::accept4, {ENOMEM, ENOBUFS, EMFILE, ENFILE, ECONNABORTED, EPERM, EINTR}},
      {Call::getsockopt, {ENOMEM, ENOBUFS, EMFILE}},
      {Call::setsockopt, {ENOMEM, ENOBUFS}},
      {Call::sendmsg, {ENOMEM, ENOBUFS, ETOOMANYREFS, EAGAIN, EINTR, kShort}},  // ETOOMANYREFS: with descriptors
      {Call::recvmsg, {ENOMEM, ENOBUFS, EAGAIN, EINTR, kShort}},
      {Call::send, {ENOMEM, ENOBUFS, EINTR}},
      {Call::recv, {ENOMEM, ENOBUFS, EAGAIN, EINTR, kShort}},
      {Call::read, {EINTR, kShort}},
      {Call::write, {EINTR}},
      {Call::pidfd_open, {ENOMEM, EMFILE, ENFILE, ESRCH}},
      {Call::fork, {ENOMEM, EAGAIN}},
  };
  return table;
}

}  // namespace dolium::faults
