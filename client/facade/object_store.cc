// The verbs of every store. Arguments are checked here, once; then the backend is called. A verb that is one question
// to the daemon, or one use of the engine, is complete here: the daemon's part stands beside the engine's.

#include <dolium/object_store.h>

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "client/facade/store_call.h"
#include "client/mapped/new_object.h"
#include "client/remote/remote_calls.h"
#include "shm/types/stats_piece.h"

namespace dolium {

using detail::ask_pages;
using detail::ask_rows;
using detail::carry_out;
using detail::change;
using detail::Connection;
using detail::LocalEngine;
using detail::read;
using detail::StoreBackend;
using shm::Engine;
using shm::TimeNs;

namespace {

shm::Moment moment(TimeNs now) {
  return {now, std::chrono::system_clock::now()};
}

/// `seal_stamp` 0: any object of this id.
Result<bool> remote_remove(Connection& daemon, const ObjectId& id, std::uint64_t seal_stamp) {
  protocol::RemoveRequestT request;
  request.id = protocol::to_wire_pointer(id);
  request.seal_stamp = seal_stamp;
  return daemon.ask<protocol::RemoveReply>(
      std::move(request), [](const protocol::RemoveReply& reply) { return Result<bool>(reply.removed()); });
}

}  // namespace

ObjectStore::ObjectStore(std::unique_ptr<StoreBackend> backend) noexcept : backend_(std::move(backend)) {}
ObjectStore::~ObjectStore() = default;

// ---- reading ----

Result<Object> ObjectStore::get_raw(const ObjectId& id, Timeout timeout) {
  if (backend_->refuses()) return backend_->refusal();
  return backend_->get(id, timeout);
}

std::optional<Object> ObjectStore::try_get(const ObjectId& id) {
  if (backend_->refuses()) return std::nullopt;
  return backend_->try_get(id);
}

Result<std::vector<std::optional<Object>>> ObjectStore::get_many(std::span<const ObjectId> ids, Timeout timeout) {
  if (backend_->refuses()) return backend_->refusal();
  return backend_->get_many(ids, ids.size(), timeout);
}

Result<bool> ObjectStore::exists(const ObjectId& id) {
  return carry_out(
      *backend_, StoreBackend::Repeat::may, no_wait,
      [&](Connection& daemon, Timeout) -> Result<bool> {
        const std::optional<bool> there = daemon.attachment().exists(id);
        if (auto still = daemon.check_there(); !still) return still.error();
        if (there && *there) return true;
        if (there && !daemon.has_deferred()) return false;
        const Result<ObjectMetadata> found = detail::remote_metadata(daemon, id);
        if (found) return found->state == ObjectState::sealed;
        if (found.error().code == Errc::not_found) return false;
        return found.error();
      },
      [&](LocalEngine& here, Timeout) -> Result<bool> {
        here.expire_due();
        if (const std::optional<bool> there = here.attachment().exists(id)) return *there;
        return here.with([&](Engine& engine, TimeNs) { return engine.store().rows().find(id) != shm::kNoSlot; });
      });
}

Result<std::vector<bool>> ObjectStore::exists_many(std::span<const ObjectId> ids) {
  std::vector<bool> out;
  out.reserve(ids.size());
  for (const ObjectId& id : ids) {
    const Result<bool> there = exists(id);
    if (!there) return there.error();
    out.push_back(*there);
  }
  return out;
}

Result<ObjectMetadata> ObjectStore::metadata(const ObjectId& id) {
  return read(
      *backend_, [&](Connection& daemon) { return detail::remote_metadata(daemon, id); },
      [&](Engine& engine, TimeNs now) { return engine.metadata(id, moment(now)); });
}

// ---- keeping and letting go ----

Result<void> ObjectStore::pin(const ObjectId& id) {
  return change(
      *backend_,
      [&](Connection& daemon) {
        protocol::PinRequestT request;
        request.id = protocol::to_wire_pointer(id);
        return daemon.tell(request);
      },
      [&](Engine& engine, TimeNs now, shm::ClientId self) { return engine.store().pin(self, id, now); });
}

Result<void> ObjectStore::unpin(const ObjectId& id) {
  return change(
      *backend_,
      [&](Connection& daemon) {
        protocol::UnpinRequestT request;
        request.id = protocol::to_wire_pointer(id);
        return daemon.tell(request);
      },
      [&](Engine& engine, TimeNs now) { return engine.store().unpin(id, now); });
}

Result<bool> ObjectStore::remove(const ObjectId& id) {
  return change(
      *backend_, [&](Connection& daemon) { return remote_remove(daemon, id, 0); },
      [&](Engine& engine, TimeNs now) { return engine.store().remove(id, now); });
}

Result<bool> ObjectStore::remove(const ObjectMetadata& object) {
  if (object.seal_stamp == 0)
    return Error{Errc::not_sealed, fmt::format("object {} was not sealed when it was described: there was nothing to "
                                               "remove yet; its creator can abort it",
                                               object.id.hex())};
  return change(
      *backend_, [&](Connection& daemon) { return remote_remove(daemon, object.id, object.seal_stamp); },
      [&](Engine& engine, TimeNs now) {
        return Result<bool>(engine.store().remove_sealed_at(object.id, object.seal_stamp, now));
      });
}

Result<std::uint64_t> ObjectStore::evict(std::uint64_t bytes) {
  const Result<Evicted> evicted = evict_and_count(bytes);
  return evicted ? Result<std::uint64_t>(evicted->freed_bytes) : evicted.error();
}

Result<Evicted> ObjectStore::evict_and_count(std::uint64_t bytes) {
  return change(
      *backend_,
      [&](Connection& daemon) -> Result<Evicted> {
        // At most the whole store once: other clients may put objects meanwhile.
        const std::uint64_t wanted = std::min(bytes, daemon.attachment().index().arena_bytes());
        Evicted evicted;
        for (bool more = true; more;) {
          protocol::EvictRequestT request;
          request.bytes = wanted - evicted.freed_bytes;
          const auto asked = daemon.ask<protocol::EvictReply>(request, [&](const protocol::EvictReply& reply) {
            evicted.freed_bytes += reply.freed();
            evicted.object_bytes += reply.object_bytes();
            more = reply.more() && evicted.freed_bytes < wanted;
            return Result<void>();
          });
          if (!asked) return asked.error();
        }
        return evicted;
      },
      [&](Engine& engine, TimeNs now) {
        const shm::Room::Evicted evicted = engine.store().room().evict_all(bytes, now);
        return Evicted{evicted.bytes, evicted.object_bytes};
      });
}

Result<std::uint64_t> ObjectStore::trim() {
  return change(
      *backend_,
      [](Connection& daemon) -> Result<std::uint64_t> {
        // At most the whole store once: other clients may put and remove objects meanwhile.
        std::uint64_t bytes = 0;
        for (bool more = true; more && bytes < daemon.attachment().index().arena_bytes();) {
          const auto asked =
              daemon.ask<protocol::TrimReply>(protocol::TrimRequestT(), [&](const protocol::TrimReply& reply) {
                bytes += reply.given_back();
                more = reply.more();
                return Result<void>();
              });
          if (!asked) return asked.error();
        }
        return bytes;
      },
      [](Engine& engine, TimeNs) -> Result<std::uint64_t> {
        const auto trimmed = engine.store().room().trim_piece(shm::kMaxCapacity);
        if (!trimmed) return trimmed.error();
        return trimmed->bytes;
      });
}

Result<void> ObjectStore::clear() {
  return change(
      *backend_,
      [](Connection& daemon) {
        protocol::ClearRequestT request;
        return ask_pages<protocol::ClearReply>(
            daemon, request, [&request](const protocol::ClearReply& reply) { request.through = reply.through(); });
      },
      [](Engine& engine, TimeNs now) {
        engine.store().clear(now);
        return Result<void>();
      });
}

// ---- looking ----

Result<StoreStats> ObjectStore::stats() {
  return read(
      *backend_,
      [](Connection& daemon) {
        return shm::whole_stats([&](shm::SlotIndex cursor) {
          protocol::StatsRequestT request;
          request.cursor = cursor;
          return daemon.ask<protocol::StatsReply>(request, [](const protocol::StatsReply& reply) {
            shm::StatsPiece piece{protocol::from_wire(reply), reply.next_cursor()};
            const auto* walls = reply.walls();
            for (std::uint32_t i = 0; walls != nullptr && i + 1 < walls->size(); i += 2)
              piece.walls.add({walls->Get(i), walls->Get(i + 1)});
            return Result<shm::StatsPiece>(std::move(piece));
          });
        });
      },
      [](Engine& engine, TimeNs now) { return engine.stats(now); });
}

Result<std::vector<ObjectMetadata>> ObjectStore::list(const ObjectFilter& filter) {
  return read(
      *backend_,
      [&](Connection& daemon) {
        return ask_rows<ObjectMetadata, protocol::ListReply>(daemon, protocol::to_wire(filter),
                                                             &protocol::ListReply::objects);
      },
      [&](Engine& engine, TimeNs now) {
        std::vector<ObjectMetadata> out;
        std::uint32_t cursor = 0;
        do cursor = engine.store().report().list(cursor, moment(now), out, filter);
        while (cursor != 0);
        return out;
      });
}

Result<std::vector<ClientInfo>> ObjectStore::clients() {
  return read(
      *backend_,
      [](Connection& daemon) {
        return ask_rows<ClientInfo, protocol::ClientsReply>(daemon, protocol::ClientsRequestT(),
                                                            &protocol::ClientsReply::clients);
      },
      [](Engine& engine, TimeNs now, shm::ClientId self) {
        ClientInfo info = engine.store().report().client_info(self, now);
        info.user = std::to_string(info.uid);
        info.waiting_gets = engine.gets().count(self);
        info.waiting_creates = engine.creates().count(self);
        return std::vector<ClientInfo>{std::move(info)};
      });
}

Result<void> ObjectStore::ping() {
  return read(
      *backend_, [](Connection& daemon) { return daemon.tell(protocol::PingRequestT()); },
      [](Engine&, TimeNs) { return Result<void>(); });
}

Result<Subscription> ObjectStore::subscribe() {
  if (backend_->refuses()) return backend_->refusal();
  return backend_->subscribe();
}

// ---- without blocking ----

AsyncHandle ObjectStore::get_async(const ObjectId& id, Timeout timeout, GetCallback done) {
  if (backend_->refuses()) return detail::refused(std::move(done));
  return backend_->get_async(id, timeout, std::move(done));
}

AsyncHandle ObjectStore::take_async(const ObjectId& id, Timeout timeout, GetCallback done) {
  if (backend_->refuses()) return detail::refused(std::move(done));
  return backend_->take_async(id, timeout, std::move(done));
}

AsyncHandle ObjectStore::create_async(const ObjectId& id, std::uint64_t size, const CreateOptions& options,
                                      CreateCallback done) {
  if (backend_->refuses()) return detail::refused(std::move(done));
  if (auto allowed = check_create(id, options); !allowed)
    return backend_->answer_soon([done = std::move(done), why = std::move(allowed).error()] { done(why); });
  return backend_->create_async(id, size, options, std::move(done));
}

int ObjectStore::event_fd() const {
  return backend_->event_fd();
}

Result<void> ObjectStore::process_events() {
  if (backend_->refuses()) return backend_->refusal();
  return backend_->process_events();
}

}  // namespace dolium
