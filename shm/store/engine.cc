#include "shm/store/engine.h"

#include <fmt/format.h>

#include <algorithm>

namespace dolium::shm {

Engine::Engine(std::unique_ptr<Store> store) : store_(std::move(store)), gets_(*store_), creates_(*store_) {
  store_->sealed().set_listener(this);
}

void Engine::subscribe(const WaitKey& key, std::function<void()> wake) {
  const auto [subscriber, fresh] = streams_.try_emplace(key, EventStream(store_->rows().last_seal));
  subscriber->second.wake = std::move(wake);
  if (fresh) subscriber->second.wake();
}

std::vector<Event> Engine::take_events(const WaitKey& key, std::size_t limit) {
  const auto found = streams_.find(key);
  return found == streams_.end() ? std::vector<Event>() : found->second.stream.take(*store_, limit);
}

bool Engine::has_events(const WaitKey& key) const {
  const auto found = streams_.find(key);
  return found != streams_.end() && found->second.stream.has_more();
}

void Engine::cancel(const WaitKey& key, TimeNs now) {
  if (!gets_.cancel(key)) creates_.cancel(key, now);
}

void Engine::silence_client(ClientId client) {
  gets_.drop_client(client);
  creates_.drop_client(client);
  store_->usage().drop_grants(client);
  std::erase_if(streams_, [client](const auto& entry) { return entry.first.client == client; });
}

void Engine::drop_client(ClientId client, TimeNs now) {
  silence_client(client);
  store_->detach(client, now);
}

void Engine::tick(TimeNs now) {
  if (store_->next_expiry() <= now) store_->expire(now);
  if (store_->quarantine().next_deadline() <= now) store_->quarantine().tend(now);
  if (store_->room().wants_tidying()) store_->room().tidy();
  gets_.time_out(now);
  settle(now);
  creates_.tick(now);
}

void Engine::settle(TimeNs now) {
  if (store_->room().take_room_made() && creates_.count() != 0) creates_.serve(now);
}

TimeNs Engine::next_deadline() const noexcept {
  if (store_->room().wants_tidying()) return 0;
  return std::min(
      {store_->next_expiry(), store_->quarantine().next_deadline(), gets_.next_deadline(), creates_.next_deadline()});
}

StatsPiece Engine::stats(TimeNs now, SlotIndex cursor) {
  StatsPiece piece = store_->stats(now, cursor);
  piece.stats.waiting_gets = gets_.count();
  piece.stats.waiting_creates = creates_.count();
  return piece;
}

StoreStats Engine::stats(TimeNs now) {
  return whole_stats([&](SlotIndex cursor) -> Result<StatsPiece> { return stats(now, cursor); }).value();
}

Result<ObjectMetadata> Engine::metadata(const ObjectId& id, const Moment& now) {
  Result<ObjectMetadata> found = store_->report().metadata(id, now);
  std::vector<ClientUse> waiters = waiters_for(id);
  if (found) {
    found->waiters = std::move(waiters);
  } else if (!waiters.empty()) {
    const ClientUse& first = waiters.front();
    return Error{found.error().code,
                 fmt::format("{}; {} for it to be sealed: {} (pid {}){}", found.error().message,
                             waiters.size() == 1 ? "a client waits" : fmt::format("{} clients wait", waiters.size()),
                             first.command, first.pid, waiters.size() == 1 ? "" : ", ...")};
  }
  return found;
}

std::vector<ClientUse> Engine::waiters_for(const ObjectId& id) const {
  std::vector<ClientUse> waiters;
  for (const ClientId client : gets_.waiting_for(id, ObjectMetadata::kMaxUses))
    waiters.push_back(store_->report().client_use(client));
  return waiters;
}

void Engine::on_sealed(SlotIndex slot, const SlotFields& object) {
  gets_.on_sealed(slot, object.id);
  if (!streams_.empty()) tell(slot, event_of(Event::Kind::sealed, store_->rows(), slot, object));
  gets_.give_to_taker(slot, object);  // then it is removed again
}

void Engine::on_read_back(SlotIndex slot, const SlotFields& object) {
  gets_.on_read_back(slot, object.id);
  gets_.give_to_taker(slot, object);
}

void Engine::on_removed(SlotIndex slot, const SlotFields& object, RemovalCause cause) {
  gets_.on_gone(object.id);
  if (streams_.empty()) return;
  Event event = event_of(Event::Kind::removed, store_->rows(), slot, object);
  event.cause = cause;
  tell(slot, event);
}

void Engine::tell(SlotIndex slot, const Event& event) {
  const TimeNs sealed = store_->rows().sealed_at(slot);
  for (auto& [key, subscriber] : streams_) {
    subscriber.stream.on_event(slot, sealed, event);
    if (subscriber.stream.has_more()) subscriber.wake();
  }
}

}  // namespace dolium::shm
