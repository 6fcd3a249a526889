#include "shm/arena/quarantine.h"

#include <algorithm>

#include "shm/os/check.h"

namespace dolium::shm {
namespace {

constexpr std::uint64_t round_down(std::uint64_t value, std::uint64_t grain) noexcept {
  return value / grain * grain;
}

}  // namespace

void Quarantine::add(SlotIndex slot, const Stretch& extent, TimeNs rests_until) {
  const Stretch whole = {round_up(extent.begin, page_), round_down(extent.end, page_)};
  if (whole.begin < whole.end)
    waiting_.push_back({slot, rests_until, whole, {whole.begin, whole.begin}});
  else
    rest(slot, rests_until);
}

/// A large page that lies wholly in the extent is replaced as a whole. So pieces end at multiples of a large page. The
/// parts of large pages at both ends are pieces of their own, whose replacement may fail.
std::optional<Quarantine::Stretch> Quarantine::next_piece() const noexcept {
  if (waiting_.empty() || retry_at_ != 0) return std::nullopt;
  const auto [begin, end] = waiting_.front().left;
  const std::uint64_t last_large = round_down(end, kHugePageBytes);
  if (begin % kHugePageBytes != 0) return Stretch{begin, std::min(end, round_up(begin, kHugePageBytes))};
  return Stretch{begin, begin < last_large ? std::min(begin + kPiece, last_large) : end};
}

std::optional<Quarantine::Renewed> Quarantine::renewed(bool replaced) {
  const std::optional<Stretch> piece = next_piece();
  DOLIUM_CHECK(piece.has_value(), "a piece was renewed that was not due");
  Patient& patient = waiting_.front();
  patient.left.begin = piece->end;
  if (replaced)
    patient.fresh.end = piece->end;
  else if (patient.fresh.begin == patient.fresh.end)
    patient.fresh = {piece->end, piece->end};
  else
    patient.left.begin = patient.left.end;  // the pages behind it rest together with it
  if (patient.left.begin < patient.left.end) return std::nullopt;
  const Renewed done = {patient.slot, patient.fresh, patient.rests_until};
  waiting_.pop_front();
  return done;
}

void Quarantine::tick(TimeNs now) noexcept {
  if (retry_at_ <= now) retry_at_ = 0;
}

std::optional<SlotIndex> Quarantine::take_rested(TimeNs now) {
  const auto first = resting_.begin();
  if (first == resting_.end() || first->first > now) return std::nullopt;
  const SlotIndex slot = first->second;
  resting_.erase(first);
  return slot;
}

TimeNs Quarantine::next_deadline() const noexcept {
  const TimeNs rested = resting_.empty() ? kNever : resting_.begin()->first;
  return retry_at_ == 0 ? rested : std::min(rested, retry_at_);
}

}  // namespace dolium::shm
