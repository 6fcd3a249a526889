#pragma once
// LargePages: the store's tables as 2 MiB pages, once they have grown by as much.
//
// Ids are spread by hash: with a million objects each look-up lands on another 4 KiB page of the index than the last,
// and waits until the processor has found where that page is, in a virtual machine through two page tables. The tables
// grow from their start, and stay where they are: what is in use of one becomes large pages piece by piece, for all
// processes that map it. Less than a piece is left as it is, so that a store with few objects costs little.
//
// The kernel copies a piece for it (MADV_COLLAPSE, Linux 6.1), and who touches it meanwhile waits for some hundred
// microseconds: so it is done once for each, by make_large_pages(), and on another thread.
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
  /// What is in use of a table by now. It always begins at the same address, and does not shrink.
  using InUse = std::function<std::span<std::byte>()>;

  void add(InUse in_use) { tables_.push_back({std::move(in_use), 0}); }
  /// The next piece to be made one large page; each is named once, whatever becomes of it.
  [[nodiscard]] std::optional<std::span<std::byte>> next();

 private:
  struct Table {
    InUse in_use;
    std::size_t named;  // bytes from its start that need no more care
  };
  std::vector<Table> tables_;
};

}  // namespace dolium::shm
