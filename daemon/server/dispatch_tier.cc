// The spill tier's messages, and requests of others that have to do with it. See dispatch.h.

#include <fmt/format.h>

#include "daemon/server/dispatch.h"
#include "protocol/convert.h"
#include "shm/os/monotonic_clock.h"

namespace dolium::daemon {

using namespace protocol;  // the messages; all other names are qualified
using shm::kNoSlot;
using shm::SlotIndex;

namespace {

Error no_tier() {
  return {Errc::tier_unavailable,
          "this store has no spill tier: give doliumd a directory for it, [spill] directory, and start it again"};
}

}  // namespace

void Dispatch::on_tier(Session& session, Id id, const RequestFrame& frame) {
  const shm::ClientId client = session.client();
  const shm::TimeNs now = shm::monotonic_now();
  if (tier_ == nullptr || !session.is_spiller)
    return session.misbehaved({Errc::protocol_error, fmt::format("a {} from a session that is not the spill tier's",
                                                                 EnumNameRequestBody(frame.body_type()))});
  const auto answer = [&](const auto& reply) {
    if (!reply) return session.reply_error(id, reply.error());
    session.reply(id, *reply);
  };
  const auto check = [&session](const Result<void>& taken) {
    if (!taken) session.misbehaved(taken.error());
  };
  if (const auto* hello = frame.body_as_TierHelloRequest()) return answer(tier_->hello(client, id, *hello));
  if (const auto* catalogue = frame.body_as_TierCatalogueRequest()) {
    auto reply = tier_->catalogue(client, id, *catalogue, {now, std::chrono::system_clock::now()});
    if (!reply) return session.reply_error(id, reply.error());
    if (*reply) session.reply(id, **reply);
    return;
  }
  if (const auto* written = frame.body_as_TierWriteDoneRequest()) return check(tier_->written(client, *written, now));
  if (const auto* read = frame.body_as_TierReadDoneRequest()) return check(tier_->read(client, *read, now));
  if (const auto* state = frame.body_as_TierStateRequest()) return check(tier_->told(client, *state));
  if (const auto* done = frame.body_as_TierOrderDoneRequest()) return check(tier_->carried_out(client, *done));
}

// ---- of operators ----

void Dispatch::on(Session& session, Id id, const SpillOrderRequest& request) {
  if (tier_ == nullptr) return session.reply_error(id, no_tier());
  Result<SpillOrderReplyT> reply = tier_->order(request, shm::monotonic_now());
  if (!reply) return session.reply_error(id, reply.error());
  session.reply(id, *reply);
}

void Dispatch::on(Session& session, Id id, const ForgetSpilledRequest& request) {
  if (tier_ == nullptr) return session.reply_error(id, no_tier());
  session.reply(id, tier_->forget(request, shm::monotonic_now()));
}

void Dispatch::in_memory(Session& session, Id id, const ObjectId& object, std::function<Result<void>()> then) {
  const SlotIndex slot = tier_ == nullptr ? kNoSlot : engine_.store().rows().find(object);
  if (slot == kNoSlot || !engine_.store().rows().is_spilled(slot)) return session.reply_outcome(id, then());
  const shm::ClientId client = session.client();
  const shm::TimeNs now = shm::monotonic_now();
  if (!may_wait(session, id, 1)) return;
  engine_.gets().add(
      {client, id}, {&object, 1}, 1, now, now,
      [this, client, id, then = std::move(then)](const std::vector<SlotIndex>& held) {
        const Result<void> done = then();
        if (held.front() != kNoSlot) engine_.store().usage().drop_hold(held.front());
        if (Session* asker = find_(client)) asker->reply_outcome(id, done);
      },
      [this, client, id](const Error& error) {
        if (Session* asker = find_(client)) asker->reply_error(id, error);
      });
}

void Dispatch::refuse_new_objects(const Error& why) {
  no_new_objects_ = why;
  engine_.creates().refuse_all(why);
}

bool Dispatch::disk_makes_room() const noexcept {
  return tier_ != nullptr && engine_.store().spill().dirty().count != 0 && tier_->can_write();
}

}  // namespace dolium::daemon
