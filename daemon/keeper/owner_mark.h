#pragma once
// OwnerMark: the keeper's signature in the index of the store that it owns (shm/table/owner_word.h). While the keeper
// lives, the word holds its thread id; when it dies, by whatever death, the kernel sets *owner died* there, before it
// lets go of the keeper's descriptors and locks, and before the server is killed. So a client that looks at the word
// after any sign of the store's end (or of a new store in its place) sees it.
//
// How the kernel knows: the word is in this thread's list of robust futexes (get_robust_list(2)), which the kernel
// reads from this process's memory when the thread ends. The head of the list and its only node lie in a shared page of
// their own: the OOM killer may take away a dying process's private pages first. The list replaces the C library's,
// which is for robust mutexes: this thread must not use any. fork()ed children have an empty list. exec would end the
// mark: the keeper never calls it.
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
  /// The keeper ends by itself, and with it the store.
  ~OwnerMark();

  /// Signs this index, and no longer another. Of an index that is signed already: signs it again, which is harmless.
  /// protocol_error when the memory is no index of this program's layout; disconnected when its store has ended.
  [[nodiscard]] Result<void> sign(const shm::UniqueFd& index);
  /// The store ends with an orderly stop. Without a store: nothing.
  void end() noexcept;
  /// It has, by our word or the server's: nothing can go on with it.
  [[nodiscard]] bool ended() const noexcept { return page_ && word().ended(); }

 private:
  /// As robust_list(2) has it; in the shared page.
  struct List {
    robust_list_head head;
    robust_list node;
  };
  [[nodiscard]] Result<void> make_list();
  [[nodiscard]] shm::OwnerWord& word() const noexcept;

  List* list_ = nullptr;              // never unmapped: the kernel reads it at the very end
  std::optional<shm::Mapping> page_;  // the index's first, writable
};

}  // namespace dolium::daemon
