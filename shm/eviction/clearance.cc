#include "shm/eviction/clearance.h"

#include <deque>

#include "shm/eviction/window.h"

namespace dolium::shm {
namespace {

struct ClearPiece {
  ExtentRef extent;
  std::uint64_t begin;
  std::uint64_t moved;  // in bytes, like the loss
  std::uint64_t loss;
};

struct ClearStretch {
  ExtentRef first;
  ExtentRef last;
  std::uint64_t loss = 0;

  [[nodiscard]] bool is_empty() const noexcept { return first.is_none(); }
};

/// Takes the extents in address order, and remembers the best stretch so far.
class ClearanceSearch {
 public:
  ClearanceSearch(std::uint64_t needed, std::uint64_t most_moved) : needed_(needed), most_moved_(most_moved) {}

  void enter(const ClearPiece& piece, std::uint64_t size) {
    if (pieces_.empty()) slide_ = piece.begin;
    const std::uint64_t end = piece.begin + size;
    // Where the objects end after sliding towards the start of the run.
    if (piece.moved != 0) slide_ = piece.begin - slide_ >= size ? slide_ + size : end;
    pieces_.push_back(piece);
    moved_ += piece.moved;
    loss_ += piece.loss;
    while (moved_ > most_moved_) leave_out_first();
    while (pieces_.size() > 1 && is_enough(pieces_[1].begin, end, moved_ - pieces_.front().moved)) leave_out_first();
    if (!pieces_.empty() && is_enough(pieces_.front().begin, end, moved_)) keep(piece.extent);
    if (whole_ && !pieces_.empty() && end - slide_ >= needed_) keep(piece.extent);
  }
  void meet_wall() {
    pieces_.clear();
    moved_ = loss_ = 0;
    whole_ = true;
  }
  [[nodiscard]] const ClearStretch& best() const noexcept { return best_; }

 private:
  /// Enough room wherever the objects lie in the stretch: a move wastes less than the size of the moved object.
  [[nodiscard]] bool is_enough(std::uint64_t begin, std::uint64_t end, std::uint64_t moved) const noexcept {
    return end - begin >= needed_ + 2 * moved;
  }
  void leave_out_first() {
    moved_ -= pieces_.front().moved;
    loss_ -= pieces_.front().loss;
    pieces_.pop_front();
    whole_ = false;
  }
  void keep(ExtentRef last) {
    if (best_.is_empty() || loss_ < best_.loss) best_ = {pieces_.front().extent, last, loss_};
  }

  std::uint64_t needed_;
  std::uint64_t most_moved_;
  std::deque<ClearPiece> pieces_;
  std::uint64_t moved_ = 0;
  std::uint64_t loss_ = 0;
  std::uint64_t slide_ = 0;  // where the next object would slide to, if whole_
  bool whole_ = true;        // whether the stretch contains the whole run so far
  ClearStretch best_;
};

ClearPiece piece_of(const Arena& arena, ExtentRef extent, const Footing& footing) {
  const std::uint64_t size = arena.size_of(extent);
  ClearPiece piece{extent, arena.offset_of(extent), 0, 0};
  if (extent.is_free()) return piece;
  const bool moves = footing.kind == Footing::Kind::moves;
  piece.moved = moves ? size : 0;
  piece.loss = size * (Footing::kHottest + (moves ? 0 : kHeatWeight * footing.heat));
  return piece;
}

}  // namespace

Clearance plan_clearance(const Arena& arena, std::uint64_t needed, std::uint64_t most_moved,
                         const std::function<Footing(SlotIndex)>& footing) {
  ClearanceSearch search(needed, most_moved);
  for (ExtentRef extent = arena.first(); !extent.is_none(); extent = arena.after(extent)) {
    const Footing is = extent.is_live() ? footing(extent.owner()) : Footing{Footing::Kind::goes};
    const bool too_much = is.kind == Footing::Kind::moves && arena.size_of(extent) > most_moved;
    if (is.kind == Footing::Kind::stays || too_much)
      search.meet_wall();
    else
      search.enter(piece_of(arena, extent, is), arena.size_of(extent));
  }
  Clearance out;
  if (search.best().is_empty()) return out;
  for (ExtentRef extent = search.best().first;; extent = arena.after(extent)) {
    if (extent.is_live()) {
      const Footing::Kind kind = footing(extent.owner()).kind;
      if (kind == Footing::Kind::stays) return {};  // a client got the object in the meantime
      (kind == Footing::Kind::moves ? out.moving : out.going).push_back(extent.owner());
    }
    if (extent == search.best().last) return out;
  }
}

}  // namespace dolium::shm
