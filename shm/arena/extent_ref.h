#pragma once
// ExtentRef: identifies an extent, in one word. A value.

#include <cstdint>

#include "shm/os/basic_types.h"

namespace dolium::shm {

/// Identifies a live extent by its owner, and a free one by its record. Valid until the next allocate or free.
class ExtentRef {
 public:
  constexpr ExtentRef() = default;
  static constexpr ExtentRef live(SlotIndex owner) { return ExtentRef(owner); }
  static constexpr ExtentRef free(std::uint32_t record) { return ExtentRef(record | kFreeBit); }

  [[nodiscard]] constexpr bool is_none() const { return word_ == kNone; }
  [[nodiscard]] constexpr bool is_free() const { return !is_none() && (word_ & kFreeBit) != 0; }
  [[nodiscard]] constexpr bool is_live() const { return (word_ & kFreeBit) == 0; }
  /// Precondition: is_live().
  [[nodiscard]] constexpr SlotIndex owner() const { return word_; }
  /// Precondition: is_free().
  [[nodiscard]] constexpr std::uint32_t record() const { return word_ & ~kFreeBit; }
  friend constexpr bool operator==(ExtentRef, ExtentRef) = default;

 private:
  static constexpr std::uint32_t kFreeBit = 0x80000000;
  static constexpr std::uint32_t kNone = 0xffffffff;
  constexpr explicit ExtentRef(std::uint32_t word) : word_(word) {}
  std::uint32_t word_ = kNone;
};

}  // namespace dolium::shm
