#include "shm/window.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <limits>
#include <span>

namespace dolium::shm {
namespace {

/// One cold object, and how far the room would reach if it alone went.
struct Piece {
  std::uint64_t offset;
  std::uint64_t size;
  std::uint64_t room_begin;
  std::uint64_t room_end;
  std::uint32_t rank;  // 0: the coldest
  SlotIndex owner;
};

Piece piece_of(const Arena& arena, SlotIndex owner, std::uint32_t rank) {
  const ExtentRef extent = ExtentRef::live(owner);
  const std::uint64_t offset = arena.offset_of(extent);
  const std::uint64_t size = arena.size_of(extent);
  const ExtentRef before = arena.before(extent);
  const ExtentRef after = arena.after(extent);
  return {offset,
          size,
          before.is_free() ? arena.offset_of(before) : offset,
          offset + size + (after.is_free() ? arena.size_of(after) : 0),
          rank,
          owner};
}

std::vector<Piece> in_address_order(const Arena& arena, const std::vector<SlotIndex>& cold) {
  std::vector<Piece> pieces;
  pieces.reserve(cold.size());
  for (const SlotIndex owner : cold)
    pieces.push_back(piece_of(arena, owner, static_cast<std::uint32_t>(pieces.size())));
  std::sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) { return a.offset < b.offset; });
  return pieces;
}

/// The largest rank in a window whose two ends only move right: a queue of the ranks that may yet be the largest,
/// descending.
class Hottest {
 public:
  void enter(std::size_t piece, std::uint32_t rank) {
    while (entries_.size() > head_ && entries_.back().rank < rank) entries_.pop_back();
    entries_.push_back({piece, rank});
  }
  void leave(std::size_t piece) {
    if (entries_[head_].piece == piece) ++head_;
  }
  void clear() {
    entries_.clear();
    head_ = 0;
  }
  [[nodiscard]] std::uint32_t rank() const { return entries_[head_].rank; }

 private:
  struct Entry {
    std::size_t piece;
    std::uint32_t rank;
  };
  std::vector<Entry> entries_;
  std::size_t head_ = 0;
};

/// Weighed bytes. Heat is a fraction of kScale, so that the product fits: kMaxCapacity is 2^38.
std::uint64_t loss(std::uint64_t live_bytes, std::uint32_t hottest_rank, std::size_t ranks) {
  constexpr std::uint64_t kScale = 1024;
  static_assert(kMaxCapacity <= std::numeric_limits<std::uint64_t>::max() / (kScale * (1 + kHeatWeight)));
  return live_bytes * (kScale + kHeatWeight * (kScale * hottest_rank / ranks));
}

/// Slides over the runs. Of the windows that end in a piece only the shortest counts: it is part of the others.
std::span<const Piece> cheapest(const std::vector<Piece>& pieces, std::uint64_t needed) {
  std::span<const Piece> best;
  std::uint64_t best_loss = 0;
  std::uint32_t best_rank = 0;
  Hottest hottest;
  std::size_t first = 0;
  std::uint64_t live_bytes = 0;
  for (std::size_t last = 0; last < pieces.size(); ++last) {
    if (last > 0 && pieces[last - 1].room_end != pieces[last].offset) {  // a run begins
      first = last;
      live_bytes = 0;
      hottest.clear();
    }
    live_bytes += pieces[last].size;
    hottest.enter(last, pieces[last].rank);
    while (first < last && pieces[last].room_end - pieces[first + 1].room_begin >= needed) {
      live_bytes -= pieces[first].size;
      hottest.leave(first++);
    }
    if (pieces[last].room_end - pieces[first].room_begin < needed) continue;
    const std::uint64_t this_loss = loss(live_bytes, hottest.rank(), pieces.size());
    if (best.empty() || this_loss < best_loss || (this_loss == best_loss && hottest.rank() < best_rank)) {
      best = std::span(pieces).subspan(first, last - first + 1);
      best_loss = this_loss;
      best_rank = hottest.rank();
    }
  }
  return best;
}

}  // namespace

namespace {

/// What lies next to a window on one side: free room that is part of it already, and behind that an extent.
struct Side {
  std::uint64_t free_bytes = 0;
  ExtentRef next;
};

template <class Step>
Side side_of(const Arena& arena, ExtentRef end, Step&& step) {
  Side side{0, step(end)};
  if (side.next.is_free()) {
    side.free_bytes = arena.size_of(side.next);
    side.next = step(side.next);
  }
  return side;
}

}  // namespace

std::vector<SlotIndex> window_around(const Arena& arena, SlotIndex anchor, std::uint64_t needed,
                                     const std::function<bool(SlotIndex)>& eligible) {
  const auto step_left = [&arena](ExtentRef extent) { return arena.before(extent); };
  const auto step_right = [&arena](ExtentRef extent) { return arena.after(extent); };
  std::deque<SlotIndex> window{anchor};
  std::uint64_t live_bytes = arena.size_of(ExtentRef::live(anchor));
  std::uint64_t inner_free_bytes = 0;
  Side left = side_of(arena, ExtentRef::live(anchor), step_left);
  Side right = side_of(arena, ExtentRef::live(anchor), step_right);
  while (left.free_bytes + live_bytes + inner_free_bytes + right.free_bytes < needed) {
    const bool may_left = left.next.is_live() && eligible(left.next.owner());
    const bool may_right = right.next.is_live() && eligible(right.next.owner());
    if ((!may_left && !may_right) || window.size() == kMaxAround) return {};
    const bool go_left = may_left && (!may_right || arena.size_of(left.next) <= arena.size_of(right.next));
    Side& side = go_left ? left : right;
    live_bytes += arena.size_of(side.next);
    inner_free_bytes += side.free_bytes;
    if (go_left)
      window.push_front(side.next.owner());
    else
      window.push_back(side.next.owner());
    side = go_left ? side_of(arena, side.next, step_left) : side_of(arena, side.next, step_right);
  }
  // The last neighbour may have been so large that those on the other side are not needed any more.
  const auto enough = [&arena, needed](SlotIndex first, SlotIndex last) {
    return piece_of(arena, last, 0).room_end - piece_of(arena, first, 0).room_begin >= needed;
  };
  while (window.size() > 1 && enough(window[1], window.back())) window.pop_front();
  while (window.size() > 1 && enough(window.front(), *std::prev(window.end(), 2))) window.pop_back();
  return {window.begin(), window.end()};
}

std::vector<SlotIndex> cheapest_window(const Arena& arena, const std::vector<SlotIndex>& cold, std::uint64_t needed) {
  if (cold.empty()) return {};
  const Piece coldest = piece_of(arena, cold.front(), 0);
  if (coldest.size <= needed && coldest.room_end - coldest.room_begin >= needed) return {coldest.owner};
  const std::vector<Piece> pieces = in_address_order(arena, cold);
  std::vector<SlotIndex> victims;
  for (const Piece& piece : cheapest(pieces, needed)) victims.push_back(piece.owner);
  return victims;
}

}  // namespace dolium::shm
