#include "client/remote/grant.h"

#include <new>
#include <utility>

namespace dolium::detail {
namespace {

/// Attempts to find a granted object in the index while the daemon is changing its bucket.
constexpr int kMaxLooks = 10'000;

struct Grant {
  std::uint64_t number = 0;                                  // 0: nothing is granted
  const flatbuffers::Vector<std::uint8_t>* which = nullptr;  // null: all
};

Grant grant_of(const protocol::ReplyFrame& frame) {
  if (const auto* reply = frame.body_as_GetReply()) return {reply->grant(), reply->found()};
  if (const auto* sealed = frame.body_as_SealReply()) return {sealed->grant(), nullptr};
  if (const auto* put = frame.body_as_PutReply()) return {put->grant(), nullptr};
  return {};
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
  for (std::size_t i = 0; i < call.ids.size(); ++i) {
    if (!is_granted(grant, i)) continue;
    // A granted object cannot be evicted; it is only absent if it was removed meanwhile.
    Attachment::Attempt attempt = attachment.hold_kept(call.ids[i], Attachment::Count::nothing);
    for (int looks = 0; attempt.verdict == Attachment::Verdict::undecided && looks < kMaxLooks; ++looks)
      attempt = attachment.hold_kept(call.ids[i], Attachment::Count::nothing);
    if (attempt.verdict == Attachment::Verdict::held) call.taken[i] = std::move(attempt.object);
  }
  attachment.set_granted_through(grant.number);
}

}  // namespace dolium::detail
