#include "client/remote/grant.h"

#include <new>
#include <utility>

namespace dolium::detail {
namespace {

/// Maximum number of attempts to find a granted object in the index while the daemon is changing its bucket.
constexpr int kMaxLooks = 10'000;

struct Grant {
  std::uint64_t number = 0;                                             // 0: nothing is granted
  const flatbuffers::Vector<std::uint8_t>* which = nullptr;             // null: all
  const flatbuffers::Vector<const protocol::Place*>* places = nullptr;  // of those that are granted
  const protocol::Place* taken = nullptr;                               // of a take, whose object has left the index
  std::uint32_t succession = 0;
};

Grant grant_of(const protocol::ReplyFrame& frame) {
  if (const auto* reply = frame.body_as_GetReply())
    return {.number = reply->grant(),
            .which = reply->found(),
            .places = reply->places(),
            .succession = reply->succession()};
  if (const auto* take = frame.body_as_TakeReply())
    return {.number = take->grant(), .taken = take->place(), .succession = take->succession()};
  if (const auto* sealed = frame.body_as_SealReply()) return {.number = sealed->grant()};
  if (const auto* put = frame.body_as_PutReply()) return {.number = put->grant()};
  return {};
}

Attachment::Attempt hold_at(Attachment& attachment, const ObjectId& id, const protocol::Place& place,
                            std::uint32_t succession) {
  const shm::Granted granted{{place.slot(), place.offset(), place.data_size(), place.metadata_size(), place.type_tag()},
                             succession};
  return attachment.hold_kept(id, Attachment::Count::nothing, &granted);
}

/// Without a place, or if another server has begun. Absent only if it was removed meanwhile.
Attachment::Attempt hold_by_id(Attachment& attachment, const ObjectId& id) {
  Attachment::Attempt attempt = attachment.hold_kept(id, Attachment::Count::nothing);
  for (int looks = 0; attempt.verdict == Attachment::Verdict::undecided && looks < kMaxLooks; ++looks)
    attempt = attachment.hold_kept(id, Attachment::Count::nothing);
  return attempt;
}

bool is_granted(const Grant& grant, std::size_t position) {
  if (grant.which == nullptr) return true;
  return position < grant.which->size() && grant.which->Get(static_cast<flatbuffers::uoffset_t>(position)) != 0;
}

}  // namespace

void take_granted(Attachment& attachment, Call& call, const protocol::ReplyFrame& frame) {
  const Grant grant = grant_of(frame);
  if (grant.number == 0) return;
  try {
    call.taken.resize(call.ids.size());
  } catch (const std::bad_alloc&) {
    attachment.set_granted_through(grant.number);  // nothing of it will be taken
    throw;
  }
  flatbuffers::uoffset_t granted = 0;
  for (std::size_t i = 0; i < call.ids.size(); ++i) {
    if (!is_granted(grant, i)) continue;
    const protocol::Place* place = grant.taken;
    if (grant.places != nullptr && granted < grant.places->size()) place = grant.places->Get(granted++);
    Attachment::Attempt attempt{Attachment::Verdict::absent, {}};
    if (place != nullptr) attempt = hold_at(attachment, call.ids[i], *place, grant.succession);
    if (attempt.verdict != Attachment::Verdict::held && grant.taken == nullptr)
      attempt = hold_by_id(attachment, call.ids[i]);
    if (attempt.verdict == Attachment::Verdict::held) call.taken[i] = std::move(attempt.object);
  }
  attachment.set_granted_through(grant.number);
}

}  // namespace dolium::detail
