#include "client/facade/reconnection.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "client/mapped/store_backend.h"
#include "client/remote/connection.h"
#include "shm/os/system_error.h"

namespace dolium::detail {

using Clock = std::chrono::steady_clock;

Timeout time_left(protocol::Deadline deadline) {
  if (deadline == protocol::kNoDeadline) return wait_forever;
  return std::max<Clock::duration>(deadline - Clock::now(), std::chrono::nanoseconds(1));
}

// ---- which client ----

Result<std::shared_ptr<Reconnection>> Reconnection::connect(std::string_view path, const ConnectOptions& options) {
  Result<Descriptors> descriptors = Descriptors::make();
  if (!descriptors) return std::move(descriptors).error();
  Result<std::shared_ptr<Client>> client = Client::connect(path, options);
  if (!client) return std::move(client).error();
  std::string whole = (*client)->connection_->path();
  std::shared_ptr<Reconnection> made(
      new Reconnection(std::move(whole), options, *std::move(client), *std::move(descriptors)));
  follow_forks(*made);
  return made;
}

Reconnection::Reconnection(std::string path, ConnectOptions options, std::shared_ptr<Client> client,
                           Descriptors descriptors)
    : path_(std::move(path)),
      options_(std::move(options)),
      descriptors_(std::move(descriptors)),
      state_(std::make_unique<State>()) {
  state_->client = std::move(client);
}

Reconnection::~Reconnection() {
  forget(*this);
}

StoreBackend& Reconnection::backend_of(const Client& client) {
  return client.backend();
}

Reconnection::Current Reconnection::current() const {
  const std::lock_guard lock(state_->mutex);
  return {state_->client, state_->number};
}

std::uint32_t Reconnection::forks() const {
  const std::lock_guard lock(state_->mutex);
  return state_->forks;
}

protocol::Deadline Reconnection::patience(Timeout timeout) const {
  return protocol::deadline_after(timeout.is_no_wait() ? options_.connect_timeout : timeout);
}

Result<Reconnection::Current> Reconnection::present() {
  Current now = current();
  if (now.client->connected()) return now;
  const Result<std::shared_ptr<Client>> next = after(now.client, patience(no_wait));
  return next ? Result<Current>(current()) : next.error();
}

Result<std::shared_ptr<Client>> Reconnection::after(const std::shared_ptr<Client>& gone, Deadline deadline) {
  State& state = *state_;
  {
    std::unique_lock lock(state.mutex);
    const auto may_go_on = [&] { return state.client != gone || !state.connecting; };
    if (deadline == protocol::kNoDeadline)
      state.wake.wait(lock, may_go_on);
    else if (!state.wake.wait_until(lock, deadline, may_go_on))
      return Error{Errc::disconnected, "the store is gone, and there was no other at its socket in time"};
    if (state.client != gone) return state.client;
    state.connecting = true;
  }
  return connect_again(deadline);
}

/// A daemon that is being stopped may accept the connection and close it: then this waits for the next daemon.
Result<std::shared_ptr<Client>> Reconnection::connect_before(Deadline deadline) const {
  ConnectOptions options = options_;
  for (;;) {
    const bool last = deadline <= Clock::now();
    options.connect_timeout = last ? no_wait : time_left(deadline);
    Result<std::shared_ptr<Client>> next = Client::connect(path_, options);
    if (next || last || next.error().code != Errc::disconnected) return next;
    std::this_thread::sleep_for(kPause);
  }
}

/// Called by the thread that has set `connecting`.
Result<std::shared_ptr<Client>> Reconnection::connect_again(Deadline deadline) {
  State& state = *state_;
  struct Done {
    State& state;
    ~Done() {
      const std::lock_guard lock(state.mutex);
      state.connecting = false;
      state.wake.notify_all();
    }
  } const done{state};
  Result<std::shared_ptr<Client>> next = connect_before(deadline);
  if (!next) return next;
  std::shared_ptr<Client> old;  // if this is the last reference, it is dropped without the lock
  {
    const std::lock_guard lock(state.mutex);
    old = std::exchange(state.client, *next);
    ++state.number;
  }
  return next;
}

// ---- deferred puts ----

void Reconnection::note_deferred(std::uint64_t number) {
  const std::lock_guard lock(state_->mutex);
  if (!state_->deferred) state_->deferred = number;
}

bool Reconnection::take_lost_deferred(std::uint64_t number) {
  const std::lock_guard lock(state_->mutex);
  if (!state_->deferred || *state_->deferred == number) return false;
  state_->deferred = number;  // later ones may have gone to this store
  return true;
}

void Reconnection::settled_deferred(std::uint64_t number) {
  const std::lock_guard lock(state_->mutex);
  if (state_->deferred == number) state_->deferred.reset();
}

// ---- events ----

Result<Reconnection::Descriptors> Reconnection::Descriptors::make() {
  Descriptors made;
  made.poll = shm::UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  made.wake = shm::UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  made.timer = shm::UniqueFd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  for (const shm::UniqueFd* fd : {&made.wake, &made.timer}) {
    epoll_event interest{};
    interest.events = EPOLLIN;
    if (!fd->valid() || ::epoll_ctl(made.poll.get(), EPOLL_CTL_ADD, fd->get(), &interest) != 0)
      return shm::system_error("make the descriptors for callbacks");
  }
  return made;
}

void Reconnection::poke() const noexcept {
  static_cast<void>(::eventfd_write(descriptors_.wake.get(), 1));  // if the counter is full, it is readable already
}

void Reconnection::hush() const noexcept {
  std::uint64_t count = 0;
  static_cast<void>(::eventfd_read(descriptors_.wake.get(), &count));
  if (::read(descriptors_.timer.get(), &count, sizeof(count)) < 0) return;  // it has not expired
}

void Reconnection::look_later() const noexcept {
  itimerspec when{};
  when.it_value.tv_nsec = std::chrono::nanoseconds(kLook).count();
  static_cast<void>(::timerfd_settime(descriptors_.timer.get(), 0, &when, nullptr));
}

void Reconnection::unwatch() {
  if (state_->watched == nullptr) return;
  ::epoll_ctl(descriptors_.poll.get(), EPOLL_CTL_DEL, state_->watched->event_fd(), nullptr);
  state_->watched.reset();
}

std::shared_ptr<Client> Reconnection::watch() {
  const std::lock_guard lock(state_->mutex);
  State& state = *state_;
  if (state.client == state.watched) return state.client;
  if (state.watched != nullptr) {
    state.left.push_back(state.watched);
    poke();
  }
  unwatch();
  if (!state.client->connected()) return state.client;  // its descriptor would stay readable
  epoll_event interest{};
  interest.events = EPOLLIN;
  if (::epoll_ctl(descriptors_.poll.get(), EPOLL_CTL_ADD, state.client->event_fd(), &interest) == 0)
    state.watched = state.client;
  else
    look_later();
  return state.client;
}

int Reconnection::event_fd() {
  if (!watch()->connected()) poke();
  return descriptors_.poll.get();
}

void Reconnection::process_events() {
  hush();
  std::vector<std::shared_ptr<Client>> left;
  {
    const std::lock_guard lock(state_->mutex);
    left.swap(state_->left);
  }
  for (const std::shared_ptr<Client>& client : left) static_cast<void>(client->process_events());
  const std::shared_ptr<Client> client = watch();
  if (!client->process_events()) {
    if (const auto next = after(client, Clock::now()); !next) {
      refuse_expired(next.error());
      look_later();
      const std::lock_guard lock(state_->mutex);
      if (state_->watched == client) unwatch();
      return;
    }
    watch();
  }
  begin_parked();
}

// ---- gets that wait for the next store ----

void Reconnection::begin(const std::shared_ptr<PendingGet>& get) {
  const std::shared_ptr<Client> client = watch();
  if (!client->connected()) {  // in a forked child that could not follow, it would never answer
    poke();
    const std::lock_guard lock(state_->mutex);
    return state_->parked.push_back(get);
  }
  const Timeout timeout = get->timeout.is_no_wait() ? no_wait : time_left(get->deadline);
  AsyncHandle inner = get->ask(*client, timeout, [this, get] {
    const std::lock_guard lock(state_->mutex);
    state_->parked.push_back(get);
  });
  if (!client->connected()) poke();
  const std::lock_guard lock(state_->mutex);
  get->inner = std::move(inner);
}

/// `ask(client, time left, callback)` asks one store.
template <class T, class Ask>
AsyncHandle Reconnection::begin_get(Timeout timeout, std::function<void(Result<T>)> done, Ask ask) {
  const auto get = std::make_shared<PendingGet>();
  get->timeout = timeout;
  get->deadline = protocol::deadline_after(timeout);
  get->fail = done;
  get->ask = [ask = std::move(ask), done = std::move(done)](Client& client, Timeout left, std::function<void()> park) {
    return ask(client, left, [done, park = std::move(park)](Result<T> result) {
      if (!result && result.error().code == Errc::disconnected) return park();
      done(std::move(result));
    });
  };
  begin(get);
  return AsyncHandle([weak = weak_from_this(), pending = std::weak_ptr(get), begun = forks()] {
    const std::shared_ptr<Reconnection> here = weak.lock();
    const std::shared_ptr<PendingGet> found = pending.lock();
    if (here == nullptr || found == nullptr || here->forks() != begun) return false;
    return here->unpark(found);
  });
}

AsyncHandle Reconnection::get_async(const ObjectId& id, Timeout timeout, ObjectStore::GetCallback done) {
  return begin_get<Object>(timeout, std::move(done), [id](Client& client, Timeout left, auto answered) {
    return client.get_async(id, left, std::move(answered));
  });
}

AsyncHandle Reconnection::get_many_async(std::span<const ObjectId> ids, std::size_t count, Timeout timeout,
                                         ObjectStore::GetManyCallback done) {
  std::vector<ObjectId> kept(ids.begin(), ids.end());
  return begin_get<std::vector<std::optional<Object>>>(
      timeout, std::move(done), [ids = std::move(kept), count](Client& client, Timeout left, auto answered) {
        return client.get_many_async(ids, count, left, std::move(answered));
      });
}

/// Cancels a get. True if that was in time.
bool Reconnection::unpark(const std::shared_ptr<PendingGet>& get) {
  AsyncHandle inner;
  {
    const std::lock_guard lock(state_->mutex);
    if (std::erase(state_->parked, get) != 0) return true;
    inner = get->inner;
  }
  if (inner.cancel()) return true;
  const std::lock_guard lock(state_->mutex);  // it may have been parked meanwhile
  return std::erase(state_->parked, get) != 0;
}

void Reconnection::begin_parked() {
  std::vector<std::shared_ptr<PendingGet>> parked;
  {
    const std::lock_guard lock(state_->mutex);
    parked.swap(state_->parked);
  }
  for (const std::shared_ptr<PendingGet>& get : parked) begin(get);
}

void Reconnection::refuse_expired(const Error& why) {
  std::vector<std::shared_ptr<PendingGet>> expired;
  {
    const std::lock_guard lock(state_->mutex);
    auto& parked = state_->parked;
    const auto first = std::stable_partition(parked.begin(), parked.end(),
                                             [now = Clock::now()](const auto& get) { return get->deadline > now; });
    expired.assign(first, parked.end());
    parked.erase(first, parked.end());
  }
  for (const std::shared_ptr<PendingGet>& get : expired) get->fail(why);
}

AsyncHandle Reconnection::create_async(const ObjectId& id, std::uint64_t size, const CreateOptions& options,
                                       ObjectStore::CreateCallback done) {
  const std::shared_ptr<Client> client = present_or_gone();
  AsyncHandle handle = client->create_async(id, size, options, std::move(done));
  if (!client->connected()) poke();
  return handle;
}

AsyncHandle Reconnection::take_async(const ObjectId& id, Timeout timeout, ObjectStore::GetCallback done) {
  const std::shared_ptr<Client> client = present_or_gone();
  AsyncHandle handle = client->take_async(id, timeout, std::move(done));
  if (!client->connected()) poke();
  return handle;
}

AsyncHandle Reconnection::answer_soon(std::function<void()> callback) {
  const std::shared_ptr<Client> client = present_or_gone();
  if (client->backend().refuses()) return {};
  return client->backend().answer_soon(std::move(callback));
}

std::shared_ptr<Client> Reconnection::present_or_gone() {
  std::shared_ptr<Client> client = watch();
  if (!client->connected() && after(client, Clock::now())) client = watch();
  return client;
}

}  // namespace dolium::detail
