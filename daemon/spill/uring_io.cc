#include <liburing.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "daemon/spill/io_queue.h"
#include "daemon/spill/raw_io.h"
#include "shm/os/system_error.h"
#include "shm/os/unique_fd.h"

namespace dolium::spill {
namespace {

/// Twice the depth: every operation has its entry, also while others are collected.
constexpr unsigned kEntries = 2 * IoQueue::kDepth;

class UringIo final : public RawIo {
 public:
  UringIo() = default;
  ~UringIo() override {
    if (made_) ::io_uring_queue_exit(&ring_);
  }

  Result<void> open() {
    if (const int error = ::io_uring_queue_init(kEntries, &ring_, 0); error != 0)
      return shm::system_error("use io_uring", -error);
    made_ = true;
    bell_ = shm::UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!bell_.valid()) return shm::system_error("make an eventfd for io_uring");
    if (const int error = ::io_uring_register_eventfd(&ring_, bell_.get()); error != 0)
      return shm::system_error("register io_uring's eventfd", -error);
    return {};
  }

  void submit(const Io& io, int fd) override {
    io_uring_sqe* entry = ::io_uring_get_sqe(&ring_);
    if (entry == nullptr) {  // not expected: see kEntries
      refused_.push_back({io.token, -EAGAIN});
      return;
    }
    const auto size = static_cast<unsigned>(io.size);
    switch (io.kind) {
      case IoKind::read: ::io_uring_prep_read(entry, fd, io.bytes, size, io.offset); break;
      case IoKind::write: ::io_uring_prep_write(entry, fd, io.bytes, size, io.offset); break;
      case IoKind::sync: ::io_uring_prep_fsync(entry, fd, IORING_FSYNC_DATASYNC); break;
    }
    ::io_uring_sqe_set_data64(entry, io.token);
    send();
  }

  void reap(std::vector<IoResult>& ended, bool wait) override {
    std::uint64_t rings = 0;
    static_cast<void>(::read(bell_.get(), &rings, sizeof(rings)));
    send();
    take(ended);
    while (wait && ended.empty()) {
      static_cast<void>(::io_uring_submit_and_wait(&ring_, 1));  // interrupted by a signal: again
      take(ended);
    }
  }

  [[nodiscard]] int event_fd() const noexcept override { return bell_.get(); }
  [[nodiscard]] std::string_view name() const noexcept override { return "io_uring"; }

 private:
  /// Entries that the kernel does not take now (EAGAIN, EBUSY) stay in the ring, for the next call.
  void send() { static_cast<void>(::io_uring_submit(&ring_)); }

  void take(std::vector<IoResult>& ended) {
    ended.insert(ended.end(), refused_.begin(), refused_.end());
    refused_.clear();
    std::array<io_uring_cqe*, IoQueue::kDepth> entries{};
    const unsigned count = ::io_uring_peek_batch_cqe(&ring_, entries.data(), entries.size());
    for (unsigned index = 0; index < count; ++index)
      ended.push_back({::io_uring_cqe_get_data64(entries[index]), entries[index]->res});
    ::io_uring_cq_advance(&ring_, count);
  }

  io_uring ring_{};
  bool made_ = false;
  shm::UniqueFd bell_;
  std::vector<IoResult> refused_;
};

}  // namespace

Result<std::unique_ptr<RawIo>> make_uring_io() {
  auto io = std::make_unique<UringIo>();
  if (auto opened = io->open(); !opened) return opened.error();
  return Result<std::unique_ptr<RawIo>>(std::move(io));
}

Result<std::unique_ptr<RawIo>> make_raw_io(IoChoice choice) {
  if (choice == IoChoice::threads) return make_thread_io();
  Result<std::unique_ptr<RawIo>> uring = make_uring_io();
  if (uring || choice == IoChoice::io_uring) return uring;
  return make_thread_io();
}

}  // namespace dolium::spill
