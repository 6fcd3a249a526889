#pragma once
// LargePages: which parts of the store's tables to turn into 2 MiB pages.
//
// Ids are spread by hash. With a million objects nearly each lookup touches another 4 KiB page of the index, and waits
// for its address translation (a TLB miss); in a virtual machine that walks two page tables. Each table grows from a
// fixed start. Each 2 MiB piece that is in use becomes a large page, for all processes that map it. A smaller rest
// stays in small pages, so a store with few objects costs little memory.
//
// The kernel copies a piece to make it one large page (MADV_COLLAPSE, Linux 6.1). A thread that touches the piece
// meanwhile waits some hundred microseconds. So each piece is converted once, by make_large_pages(), on a thread of its
// own.
//
// Not thread-safe.

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace dolium::shm {

class LargePages {
 public:
  /// Returns the part of a table that is in use now. It always begins at the same address, and never shrinks.
  using InUse = std::function<std::span<std::byte>()>;

  void add(InUse in_use) { tables_.push_back({std::move(in_use), 0}); }
  /// The next piece to convert, if there is one. Each piece is returned once, even if its conversion fails.
  [[nodiscard]] std::optional<std::span<std::byte>> next();

 private:
  struct Table {
    InUse in_use;
    std::size_t named;  // bytes from its start that next() has passed
  };
  std::vector<Table> tables_;
};

}  // namespace dolium::shm
