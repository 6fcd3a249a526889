#include "daemon/spill/catalogue.h"

#include <bit>
#include <utility>

namespace dolium::spill {

/// Numbers that differ in their last bits alone are neighbours: one cache line of cells.
std::size_t Catalogue::home_of(Sequence number) const noexcept {
  constexpr Sequence kNeighbours = 16;
  constexpr std::uint64_t kFibonacci = 0x9e3779b97f4a7c15U;
  const std::uint64_t group = (number / kNeighbours * kFibonacci) >> 32;
  return (group * kNeighbours + number % kNeighbours) & (cells_.size() - 1);
}

/// Its cell, or the empty one at which it would be.
std::size_t Catalogue::cell_of(Sequence number) const noexcept {
  std::size_t cell = home_of(number);
  while (cells_[cell] != 0 && at(cells_[cell]).number != number) cell = (cell + 1) & (cells_.size() - 1);
  return cell;
}

const Entry* Catalogue::find(Sequence number) const noexcept {
  const Cell found = cells_[cell_of(number)];
  return found == 0 ? nullptr : &at(found).entry;
}

Entry* Catalogue::find(Sequence number) noexcept {
  return const_cast<Entry*>(std::as_const(*this).find(number));  // NOLINT(cppcoreguidelines-pro-type-const-cast)
}

Catalogue::Cell Catalogue::take_place() {
  if (!free_.empty()) {
    const Cell place = free_.back();
    free_.pop_back();
    return place;
  }
  if (unused_ == 0) {
    pages_.push_back(std::make_unique<Page>());
    unused_ = kPlacesPerPage;
  }
  return static_cast<Cell>(pages_.size() * kPlacesPerPage - unused_-- + 1);
}

void Catalogue::insert(Sequence number, const Entry& entry) {
  if (2 * (count_ + 1) > cells_.size()) grow(2 * cells_.size());
  const Cell place = take_place();
  at(place).number = number;
  at(place).entry = entry;
  link(number, place);
  ++count_;
}

void Catalogue::link(Sequence number, Cell cell) noexcept {
  std::size_t empty = home_of(number);
  while (cells_[empty] != 0) empty = (empty + 1) & (cells_.size() - 1);
  cells_[empty] = cell;
}

/// Those behind it, up to the next empty cell, move up if they may: no search ends at a gap.
bool Catalogue::erase(Sequence number) {
  const std::size_t mask = cells_.size() - 1;
  std::size_t gap = cell_of(number);
  if (cells_[gap] == 0) return false;
  at(cells_[gap]).number = 0;
  free_.push_back(cells_[gap]);
  for (std::size_t next = (gap + 1) & mask; cells_[next] != 0; next = (next + 1) & mask) {
    const std::size_t home = home_of(at(cells_[next]).number);
    if (((next - home) & mask) < ((next - gap) & mask)) continue;  // its home is behind the gap
    cells_[gap] = cells_[next];
    gap = next;
  }
  cells_[gap] = 0;
  --count_;
  return true;
}

void Catalogue::reserve(std::size_t count) {
  const std::size_t cells = std::bit_ceil(2 * count + 2);
  if (cells > cells_.size()) grow(cells);
}

void Catalogue::grow(std::size_t cells) {
  cells_.assign(cells, 0);
  for (std::size_t page = 0; page < pages_.size(); ++page)
    for (std::size_t place = 0; place < kPlacesPerPage; ++place)
      if (const Sequence number = (*pages_[page])[place].number; number != 0)
        link(number, static_cast<Cell>(page * kPlacesPerPage + place + 1));
}

}  // namespace dolium::spill
