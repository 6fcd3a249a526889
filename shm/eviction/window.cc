#include "shm/eviction/window.h"

#include <limits>
#include <span>

namespace dolium::shm {
namespace {

/// One object, and the room if it alone were evicted.
struct Piece {
  std::uint64_t size;
  std::uint64_t room_begin;
  std::uint64_t room_end;
};

Piece piece_of(const Arena& arena, SlotIndex owner) {
  const ExtentRef extent = ExtentRef::live(owner);
  const std::uint64_t offset = arena.offset_of(extent);
  const std::uint64_t size = arena.size_of(extent);
  const ExtentRef before = arena.before(extent);
  const ExtentRef after = arena.after(extent);
  return {size, before.is_free() ? arena.offset_of(before) : offset,
          offset + size + (after.is_free() ? arena.size_of(after) : 0)};
}

/// The largest rank in a sliding window whose two ends only move right: a queue of the ranks that may still become the
/// largest, in descending order.
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

/// Weighted bytes. Heat is a fraction of kScale. The product fits, since kMaxCapacity is 2^38.
std::uint64_t loss(std::uint64_t live_bytes, std::uint32_t hottest_rank, std::size_t ranks) {
  constexpr std::uint64_t kScale = 1024;
  static_assert(kMaxCapacity <= std::numeric_limits<std::uint64_t>::max() / (kScale * (1 + kHeatWeight)));
  return live_bytes * (kScale + kHeatWeight * (kScale * hottest_rank / ranks));
}

/// The neighbourhood of a window on one side: free bytes, which belong to the window already, and the extent behind
/// them.
struct Side {
  std::uint64_t free_bytes = 0;
  ExtentRef next;
};

using Step = ExtentRef (Arena::*)(ExtentRef) const noexcept;

template <Step step>
Side side_of(const Arena& arena, ExtentRef end) {
  Side side{0, (arena.*step)(end)};
  if (side.next.is_free()) {
    side.free_bytes = arena.size_of(side.next);
    side.next = (arena.*step)(side.next);
  }
  return side;
}
constexpr auto kLeftOf = side_of<&Arena::before>;
constexpr auto kRightOf = side_of<&Arena::after>;

/// Finds the cheapest window, run by run. A run is a sequence of cold objects with only free extents between them.
class Search {
 public:
  Search(const Arena& arena, std::uint64_t needed, std::size_t ranks, const Ranks& rank_of)
      : arena_(arena), needed_(needed), ranks_(ranks), rank_of_(rank_of) {}

  /// Considers the run that begins with this object, if one does.
  void look_at(SlotIndex slot, std::uint32_t rank) {
    const ExtentRef extent = ExtentRef::live(slot);
    const Side left = kLeftOf(arena_, extent);
    if (rank_at(left.next) != Ranks::kNotCold) return;
    const Side right = kRightOf(arena_, extent);
    if (rank_at(right.next) != Ranks::kNotCold) return look_at_run(slot, rank);
    const std::uint64_t size = arena_.size_of(extent);  // a run of one object, the usual case in a store of many sizes
    if (left.free_bytes + size + right.free_bytes >= needed_ && may_win(size)) weigh({&slot, 1}, size, rank);
  }
  [[nodiscard]] const std::vector<SlotIndex>& best() const noexcept { return best_; }

 private:
  void look_at_run(SlotIndex slot, std::uint32_t rank) {
    run_.clear();
    owners_.clear();
    hottest_.clear();
    std::size_t first = 0;
    std::uint64_t live_bytes = 0;
    for (ExtentRef extent = ExtentRef::live(slot); rank != Ranks::kNotCold; rank = rank_at(extent)) {
      run_.push_back(piece_of(arena_, extent.owner()));
      owners_.push_back(extent.owner());
      live_bytes += run_.back().size;
      hottest_.enter(run_.size() - 1, rank);
      // Of the windows that end here only the shortest counts: the others contain it.
      while (first + 1 < run_.size() && run_.back().room_end - run_[first + 1].room_begin >= needed_) {
        live_bytes -= run_[first].size;
        hottest_.leave(first++);
      }
      if (run_.back().room_end - run_[first].room_begin >= needed_ && may_win(live_bytes))
        weigh(std::span(owners_).subspan(first), live_bytes, hottest_.rank());
      extent = kRightOf(arena_, extent).next;
    }
  }
  [[nodiscard]] std::uint32_t rank_at(ExtentRef extent) const {
    return extent.is_live() ? rank_of_.rank_of(extent.owner()) : Ranks::kNotCold;
  }
  /// Whether the loss could be the smallest, assuming the coldest rank. Saves most windows a division.
  [[nodiscard]] bool may_win(std::uint64_t live_bytes) const {
    return best_.empty() || loss(live_bytes, 0, 1) <= best_loss_;
  }
  void weigh(std::span<const SlotIndex> window, std::uint64_t live_bytes, std::uint32_t hottest_rank) {
    const std::uint64_t this_loss = loss(live_bytes, hottest_rank, ranks_);
    if (!best_.empty() && (this_loss > best_loss_ || (this_loss == best_loss_ && hottest_rank >= best_rank_))) return;
    best_.assign(window.begin(), window.end());
    best_loss_ = this_loss;
    best_rank_ = hottest_rank;
  }

  const Arena& arena_;
  std::uint64_t needed_;
  std::size_t ranks_;
  const Ranks& rank_of_;
  std::vector<Piece> run_;
  std::vector<SlotIndex> owners_;  // objects of the run
  Hottest hottest_;
  std::vector<SlotIndex> best_;
  std::uint64_t best_loss_ = 0;
  std::uint32_t best_rank_ = 0;
};

}  // namespace

Window window_around(const Arena& arena, SlotIndex anchor, std::uint64_t needed, const Neighbours& neighbours) {
  const auto may_go = [&neighbours](const Side& side) {
    return side.next.is_live() && neighbours.may_go(side.next.owner());
  };
  Window window{anchor, anchor, arena.size_of(ExtentRef::live(anchor)), 1};
  std::uint64_t inner_free_bytes = 0;
  Side left = kLeftOf(arena, ExtentRef::live(anchor));
  Side right = kRightOf(arena, ExtentRef::live(anchor));
  while (left.free_bytes + window.live_bytes + inner_free_bytes + right.free_bytes < needed) {
    const bool may_left = may_go(left);
    const bool may_right = may_go(right);
    if ((!may_left && !may_right) || window.looks == kMaxAround) return {.looks = window.looks};
    const bool go_left = may_left && (!may_right || neighbours.goes_first(left.next.owner(), right.next.owner()));
    Side& side = go_left ? left : right;
    window.live_bytes += arena.size_of(side.next);
    inner_free_bytes += side.free_bytes;
    (go_left ? window.first : window.last) = side.next.owner();
    side = go_left ? kLeftOf(arena, side.next) : kRightOf(arena, side.next);
    ++window.looks;
  }
  // If the last neighbour was large, objects on the other side may not be needed any more.
  const auto room = [&arena](SlotIndex first, SlotIndex last) {
    return piece_of(arena, last).room_end - piece_of(arena, first).room_begin;
  };
  const auto leave_out = [&](SlotIndex& end, SlotIndex kept) {
    window.live_bytes -= arena.size_of(ExtentRef::live(end));
    end = kept;
  };
  while (window.first != window.last) {
    const SlotIndex second = kRightOf(arena, ExtentRef::live(window.first)).next.owner();
    if (room(second, window.last) < needed) break;
    leave_out(window.first, second);
  }
  while (window.first != window.last) {
    const SlotIndex last_but_one = kLeftOf(arena, ExtentRef::live(window.last)).next.owner();
    if (room(window.first, last_but_one) < needed) break;
    leave_out(window.last, last_but_one);
  }
  return window;
}

std::vector<SlotIndex> objects_of(const Arena& arena, const Window& window) {
  std::vector<SlotIndex> objects;
  if (window.is_empty()) return objects;
  for (ExtentRef extent = ExtentRef::live(window.first);; extent = arena.after(extent)) {
    if (extent.is_live()) objects.push_back(extent.owner());
    if (extent == ExtentRef::live(window.last)) return objects;
  }
}

bool is_enough_alone(const Arena& arena, SlotIndex slot, std::uint64_t needed) {
  const Piece piece = piece_of(arena, slot);
  return piece.size <= needed && piece.room_end - piece.room_begin >= needed;
}

std::vector<SlotIndex> cheapest_window(const Arena& arena, std::span<const SlotIndex> cold, std::uint64_t needed,
                                       const Ranks& ranks) {
  if (cold.empty()) return {};
  if (is_enough_alone(arena, cold.front(), needed)) return {cold.front()};
  Search search(arena, needed, cold.size(), ranks);
  for (std::uint32_t rank = 0; rank < cold.size(); ++rank) search.look_at(cold[rank], rank);
  return search.best();
}

}  // namespace dolium::shm
