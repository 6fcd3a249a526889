#include "client/local/local_engine.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "shm/os/system_error.h"

namespace dolium::detail {
namespace {

class LocalRelease final : public ReleaseListener {
 public:
  explicit LocalRelease(std::weak_ptr<LocalEngine> engine) : engine_(std::move(engine)) {}
  void released() noexcept override {
    if (const auto engine = engine_.lock()) engine->on_release();
  }

 private:
  std::weak_ptr<LocalEngine> engine_;
};

}  // namespace

Result<std::shared_ptr<LocalEngine>> LocalEngine::open(const StoreConfig& config) {
  if (config.spill)
    return Error{Errc::invalid_argument,
                 "an in-process store has no spill tier, and keeps nothing on disk: leave StoreConfig::spill off"};
  std::shared_ptr<LocalEngine> local(new LocalEngine());
  Result<std::unique_ptr<shm::Store>> store = shm::Store::create(config, shm::monotonic_now());
  if (!store) return std::move(store).error();
  local->engine_ = std::make_unique<shm::Engine>(*std::move(store));
  if (auto opened = local->completions_.open(); !opened) return std::move(opened).error();
  if (auto opened = local->open_event_fd(); !opened) return std::move(opened).error();
  if (auto attached = local->attach(); !attached) return std::move(attached).error();
  return local;
}

LocalEngine::~LocalEngine() = default;

Result<void> LocalEngine::attach() {
  using Mode = shm::Mapping::Mode;
  shm::Store& store = engine_->store();
  const Result<shm::ClientId> client =
      store.attach({::getpid(), ::getuid(), ::program_invocation_short_name, "in-process"}, shm::monotonic_now());
  if (!client) return client.error();
  client_ = *client;
  Result<shm::Mapping> index = store.rows().index.segment().map(Mode::read_only);
  if (!index) return std::move(index).error();
  Result<shm::Mapping> arena = store.rows().memory.segment().map(Mode::read_only);
  if (!arena) return std::move(arena).error();
  Result<shm::Mapping> writable = store.rows().memory.segment().map(Mode::read_write);
  if (!writable) return std::move(writable).error();
  Result<shm::Mapping> pins = store.clients().pin_table_segment(client_).map(Mode::read_write);
  if (!pins) return std::move(pins).error();
  Result<shm::UniqueFd> memory = store.rows().memory.segment().duplicate();
  if (!memory) return std::move(memory).error();
  Result<shm::PageSource> pages = shm::PageSource::of(*std::move(memory));
  if (!pages) return std::move(pages).error();
  Result<Attachment*> attachment =
      Attachment::create({*std::move(index), *std::move(arena), *std::move(writable), *std::move(pins),
                          std::make_unique<LocalRelease>(weak_from_this()), *std::move(pages)});
  if (!attachment) return std::move(attachment).error();
  attachment_.reset(*attachment);
  return {};
}

Result<void> LocalEngine::open_event_fd() {
  timer_fd_ = shm::UniqueFd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  poll_fd_ = shm::UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  if (!timer_fd_.valid() || !poll_fd_.valid()) return shm::system_error("make a descriptor for deadlines");
  for (const int fd : {timer_fd_.get(), completions_.fd()}) {
    epoll_event interest{};
    interest.events = EPOLLIN;
    if (::epoll_ctl(poll_fd_.get(), EPOLL_CTL_ADD, fd, &interest) != 0)
      return shm::system_error("watch a descriptor for deadlines");
  }
  return {};
}

void LocalEngine::after_change(shm::TimeNs now) {
  engine_->store().room().relocate_one();  // the callers' threads are all that there are
  engine_->settle(now);
  while (std::exchange(release_pending_, false)) engine_->on_release(now);
  next_expiry_.store(engine_->store().next_expiry(), std::memory_order_relaxed);
  // Only pollers of event_fd() need the timer. All zero disarms it.
  const shm::TimeNs next = engine_->next_deadline();
  itimerspec at{};
  if (next != shm::kNever) {
    at.it_value.tv_sec = static_cast<time_t>(next / 1'000'000'000);
    at.it_value.tv_nsec = static_cast<long>(std::max<shm::TimeNs>(next % 1'000'000'000, 1));
  }
  if (next != armed_for_) static_cast<void>(::timerfd_settime(timer_fd_.get(), TFD_TIMER_ABSTIME, &at, nullptr));
  armed_for_ = next;
  changed_.notify_all();
}

void LocalEngine::drop_waiters() noexcept {
  if (refuses()) return;
  try {
    with([this](shm::Engine& engine, shm::TimeNs) {
      engine.gets().drop_client(client_);
      engine.creates().drop_client(client_);
    });
  } catch (const std::bad_alloc&) {
    return;  // the store is closed now: no wait is answered
  }
}

Error LocalEngine::refusal() const {
  if (attachment_->inherited()) return attachment_->inherited_by_fork();
  return {
      Errc::system_error,
      "this store met an end of memory (Cannot allocate memory) in the middle of a change, and takes no more calls: "
      "open another; what is held stays readable"};
}

void LocalEngine::expire_due() {
  if (next_expiry_.load(std::memory_order_relaxed) <= shm::monotonic_now()) with([](shm::Engine&, shm::TimeNs) {});
}

bool LocalEngine::wait_until(const bool& done, shm::TimeNs deadline) {
  Turn turn(*this);
  while (!done) {
    if (refuses()) return false;
    const shm::TimeNs now = shm::monotonic_now();
    if (deadline <= now) return false;
    const shm::TimeNs next = engine_->next_deadline();
    if (next > now) {
      turn.wait(std::min(next, deadline) - now);
    } else {
      or_broken([&] {
        engine_->tick(now);
        after_change(now);
      });
    }
  }
  return true;
}

void LocalEngine::Turn::wait(shm::TimeNs at_most_ns) {
  constexpr shm::TimeNs kLongest = 3'600'000'000'000;  // one hour: chrono can add it to any time without overflow
  local_.owner_ = std::thread::id();
  local_.changed_.wait_for(lock_, std::chrono::nanoseconds(std::min(at_most_ns, kLongest)));
  local_.owner_ = std::this_thread::get_id();
}

void LocalEngine::on_release() noexcept {
  if (refuses()) return;
  if (owner_ == std::this_thread::get_id()) {
    release_pending_ = true;  // served before this thread unlocks
    return;
  }
  try {
    with([](shm::Engine& engine, shm::TimeNs now) { engine.on_release(now); });
  } catch (const std::bad_alloc&) {
    return;  // the next call reports it, and waiting calls do
  }
}

}  // namespace dolium::detail
