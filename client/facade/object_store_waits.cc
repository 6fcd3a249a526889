// The verbs of every store that end when some of many objects are there, and takes. See object_store.cc.

#include <dolium/object_store.h>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "client/facade/store_call.h"
#include "client/local/local_calls.h"
#include "client/mapped/new_object.h"
#include "client/remote/remote_calls.h"

namespace dolium {

using detail::carry_out;
using detail::Connection;
using detail::LocalEngine;
using detail::StoreBackend;
using shm::Engine;
using shm::TimeNs;

namespace {

Result<void> check_count(std::span<const ObjectId> ids, std::size_t count) {
  if (count == 0 || count > ids.size())
    return Error{
        Errc::invalid_argument,
        fmt::format("a wait for {} of {} objects: give a count from 1 to the number of ids", count, ids.size())};
  if (ids.size() > ObjectStore::kMaxWaitIds)
    return Error{Errc::invalid_argument, fmt::format("one wait takes at most {} ids, not {}: wait in parts",
                                                     ObjectStore::kMaxWaitIds, ids.size())};
  return {};
}

Result<void> check_wait(std::span<const ObjectId> ids, std::size_t count) {
  if (auto valid = check_count(ids, count); !valid) return valid;
  std::vector<ObjectId> sorted(ids.begin(), ids.end());
  std::ranges::sort(sorted);
  const auto twice = std::ranges::adjacent_find(sorted);
  if (twice == sorted.end()) return {};
  return Error{Errc::invalid_argument,
               fmt::format("object {} occurs twice in one wait: give each id once", twice->hex())};
}

/// What a client sees in shared memory. `is_final`: the daemon need not be asked.
struct Presence {
  std::vector<bool> there;
  bool is_final = false;
};

Result<Presence> look_for(Connection& daemon, std::span<const ObjectId> ids, std::size_t count, Timeout timeout) {
  Presence seen;
  bool certain = !daemon.has_deferred();
  for (const ObjectId& id : ids) {
    const std::optional<bool> found = daemon.attachment().exists(id);
    certain = certain && found.has_value();
    seen.there.push_back(found.value_or(false));
  }
  if (auto still = daemon.check_there(); !still) return std::move(still).error();
  const auto found = static_cast<std::size_t>(std::ranges::count(seen.there, true));
  seen.is_final = found >= count || (certain && timeout.is_no_wait());
  return seen;
}

Result<std::vector<bool>> remote_wait(Connection& daemon, std::span<const ObjectId> ids, std::size_t count,
                                      Timeout timeout) {
  Result<Presence> seen = look_for(daemon, ids, count, timeout);
  if (!seen) return std::move(seen).error();
  if (seen->is_final) return std::move(seen->there);
  protocol::WaitRequestT request;
  for (const ObjectId& id : ids) request.ids.push_back(protocol::to_wire(id));
  request.count = static_cast<std::uint32_t>(count);
  request.timeout_ns = detail::to_wire(timeout);
  const auto call = std::make_shared<detail::Call>();
  const auto answered = daemon.ask_until<protocol::WaitReply>(detail::give_up_after(timeout), request, call);
  if (!answered) return answered.error();
  if (!*answered) return std::move(seen->there);  // the daemon is suspended
  const auto reply = call->reply<protocol::WaitReply>();
  if (!reply) return reply.error();
  const auto* found = (*reply)->found();
  if (found == nullptr || found->size() != ids.size())
    return Error{Errc::protocol_error, "the daemon answered a wait for another number of objects"};
  return std::vector<bool>(found->begin(), found->end());
}

}  // namespace

Result<std::vector<bool>> ObjectStore::wait(std::span<const ObjectId> ids, std::size_t count, Timeout timeout) {
  if (auto valid = check_wait(ids, count); !valid) return std::move(valid).error();
  return carry_out(
      *backend_, StoreBackend::Repeat::may, timeout,
      [&](Connection& daemon, Timeout left) { return remote_wait(daemon, ids, count, left); },
      [&](LocalEngine& here, Timeout left) -> Result<std::vector<bool>> {
        std::vector<bool> there;
        bool answered = false;
        here.with([&](Engine& engine, TimeNs now) {
          engine.gets().add_presence(here.next_key(), ids, count, detail::deadline_of(left, now), now,
                                     [&](const std::vector<bool>& seen) {
                                       there = seen;
                                       answered = true;
                                     });
        });
        if (!here.wait_until(answered, shm::kNever)) return here.refusal();
        return there;
      });
}

Result<std::vector<std::optional<Object>>> ObjectStore::get_many(std::span<const ObjectId> ids, std::size_t count,
                                                                 Timeout timeout) {
  if (auto valid = check_count(ids, count); !valid) return std::move(valid).error();
  if (backend_->refuses()) return backend_->refusal();
  return backend_->get_many(ids, count, timeout);
}

AsyncHandle ObjectStore::get_many_async(std::span<const ObjectId> ids, std::size_t count, Timeout timeout,
                                        GetManyCallback done) {
  if (backend_->refuses()) return detail::refused(std::move(done));
  if (count != ids.size())  // get_many() of all objects has no limit either
    if (auto valid = check_count(ids, count); !valid)
      return backend_->answer_soon([done = std::move(done), why = std::move(valid).error()] { done(why); });
  return backend_->get_many_async(ids, count, timeout, std::move(done));
}

Result<Object> ObjectStore::take_raw(const ObjectId& id, Timeout timeout) {
  return take_typed(id, 0, "", timeout);
}

Result<Object> ObjectStore::take_typed(const ObjectId& id, std::uint64_t type_tag, std::string_view type_name,
                                       Timeout timeout) {
  Result<Object> taken = carry_out(
      *backend_, StoreBackend::Repeat::never, timeout,
      [&](Connection& daemon, Timeout left) { return detail::remote_take(daemon, id, type_tag, left); },
      [&](LocalEngine& here, Timeout left) { return detail::local_take(here, id, type_tag, left); });
  if (taken || taken.error().code != Errc::type_mismatch || type_name.empty()) return taken;
  Error why = std::move(taken).error();
  why.message = fmt::format("there is no {} to take: {}", type_name, why.message);
  return why;
}

}  // namespace dolium
