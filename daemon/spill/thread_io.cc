#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>

#include "daemon/spill/raw_io.h"
#include "shm/os/system_error.h"
#include "shm/os/unique_fd.h"

namespace dolium::spill {
namespace {

constexpr std::size_t kThreads = 4;

class ThreadIo final : public RawIo {
 public:
  ThreadIo() = default;
  ~ThreadIo() override {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    work_.notify_all();
    for (std::thread& each : threads_)
      if (each.joinable()) each.join();
  }

  Result<void> open() {
    bell_ = shm::UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!bell_.valid()) return shm::system_error("make an eventfd for the threads that do I/O");
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    Result<void> started;
    try {
      for (std::thread& each : threads_) each = std::thread([this] { run(); });
    } catch (const std::system_error& error) {
      started = shm::system_error("start the threads that do I/O", error.code().value());
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return started;
  }

  void submit(const Io& io, int fd) override {
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back({io, fd});
    }
    work_.notify_one();
  }

  void reap(std::vector<IoResult>& ended, bool wait) override {
    std::unique_lock lock(mutex_);
    if (wait) results_came_.wait(lock, [this] { return !results_.empty(); });
    std::uint64_t rings = 0;
    static_cast<void>(::read(bell_.get(), &rings, sizeof(rings)));
    ended.insert(ended.end(), results_.begin(), results_.end());
    results_.clear();
  }

  [[nodiscard]] int event_fd() const noexcept override { return bell_.get(); }
  [[nodiscard]] std::string_view name() const noexcept override { return "threads"; }

 private:
  struct Job {
    Io io;
    int fd = -1;
  };

  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      work_.wait(lock, [this] { return ended_ || !queue_.empty(); });
      if (queue_.empty()) return;
      Job job = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      const std::int64_t result = carry_out(job);
      job.io.file.reset();
      lock.lock();
      results_.push_back({job.io.token, result});
      const std::uint64_t one = 1;
      static_cast<void>(::write(bell_.get(), &one, sizeof(one)));
      results_came_.notify_one();
    }
  }

  static std::int64_t carry_out(const Job& job) {
    const auto offset = static_cast<off_t>(job.io.offset);
    ssize_t result = 0;
    switch (job.io.kind) {
      case IoKind::read: result = ::pread(job.fd, job.io.bytes, job.io.size, offset); break;
      case IoKind::write: result = ::pwrite(job.fd, job.io.bytes, job.io.size, offset); break;
      case IoKind::sync: result = ::fdatasync(job.fd); break;
    }
    return result < 0 ? -errno : result;
  }

  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable results_came_;
  std::deque<Job> queue_;  // under the mutex, as the next two
  std::vector<IoResult> results_;
  bool ended_ = false;
  shm::UniqueFd bell_;
  std::array<std::thread, kThreads> threads_;
};

}  // namespace

Result<std::unique_ptr<RawIo>> make_thread_io() {
  auto io = std::make_unique<ThreadIo>();
  if (auto opened = io->open(); !opened) return opened.error();
  return Result<std::unique_ptr<RawIo>>(std::move(io));
}

}  // namespace dolium::spill
