#pragma once
// OwnerMark: the keeper's signature in the index of the store that it owns (shm/table/owner_word.h). While the keeper
// lives, the word holds its thread id. When the keeper dies in any way, the kernel sets *owner died* in the word:
// before it closes the keeper's descriptors and locks, and before the server is killed. So a client that reads the word
// after any sign of the store's end (or of a new store in its place) sees the mark.
//
// The word is in this thread's list of robust futexes (get_robust_list(2)), which the kernel reads from this process's
// memory when the thread ends. The head of the list and its only node are in a shared page of their own, because the
// OOM killer may take a dying process's private pages first. The list replaces the one of the C library, so this thread
// must not use robust mutexes. Children of fork() have an empty list. exec would end the mark: the keeper never calls
// it.
//
// Belongs to the process's main thread, and lives as long as the process. One store at a time.

#include <linux/futex.h>

#include <optional>

#include <dolium/result.h>

#include "shm/os/segment.h"
#include "shm/os/unique_fd.h"
#include "shm/table/owner_word.h"

namespace dolium::daemon {

class OwnerMark {
 public:
  OwnerMark() = default;
  OwnerMark(const OwnerMark&) = delete;
  OwnerMark& operator=(const OwnerMark&) = delete;
  /// The keeper ends, and the store with it.
  ~OwnerMark();

  /// Signs this index instead of an earlier one. Signing an index again is harmless. protocol_error if the memory is no
  /// index of this program's layout; disconnected if its store has ended.
  [[nodiscard]] Result<void> sign(const shm::UniqueFd& index);
  /// Marks the end of the store by an orderly stop. Does nothing without a store.
  void end() noexcept;
  /// The store has ended: no server can continue it.
  [[nodiscard]] bool ended() const noexcept { return page_ && word().ended(); }

 private:
  /// As in robust_list(2); in the shared page.
  struct List {
    robust_list_head head;
    robust_list node;
  };
  [[nodiscard]] Result<void> make_list();
  [[nodiscard]] shm::OwnerWord& word() const noexcept;

  List* list_ = nullptr;              // never unmapped: the kernel reads it at the end of the process
  std::optional<shm::Mapping> page_;  // the index's first, writable
};

}  // namespace dolium::daemon
