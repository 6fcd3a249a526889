#pragma once
// IndexRepair: repairs rows of an index whose server has died. A row may be even and not linked, or odd and linked; or
// its chain has changed without a new version. Recovery (shm/store/store_recovery.cc) decides what each row becomes.
//
// Readers go on meanwhile, as with ObjectIndex.

#include "shm/table/object_index.h"

namespace dolium::shm {

class IndexRepair {
 public:
  explicit IndexRepair(ObjectIndex& index) noexcept : index_(index) {}

  /// Whether the row is in its bucket's chain.
  [[nodiscard]] bool is_linked(SlotIndex slot) const noexcept;
  /// Links an even row that is not in its chain, so that lookups find it.
  void link(SlotIndex slot) const noexcept;
  /// Takes an odd row out of its chain if it is there. In either case its bucket gets a new version, so that a reader
  /// on this row does not trust the values that are written there next.
  void unlink_remains(SlotIndex slot) const noexcept;

 private:
  ObjectIndex& index_;
};

}  // namespace dolium::shm
