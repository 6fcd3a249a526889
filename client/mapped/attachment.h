#pragma once
// Attachment: a process's mappings of one store, and its side of the pin protocol. Everything that makes a get
// need no daemon is here; every Object and ObjectBuilder keeps it alive.
//
// Counted by hand, because a get touches the count: one atomic increment, no control block. It outlives the
// Client or InProcessStore that made it as long as anything it handed out lives; `keep` then keeps the
// connection open, so that the daemon does not take the session for dead.
//
// After fork() the child has the arena's mappings, but not the pin table (a child that counted in it would
// corrupt its parent's references). Every path to the table asks inherited() first. A child that follows its parent
// (session_link.h) then takes over with a table of its own, which the daemon filled, before fork(), from the parent's.
//
// No reference that the child finds may be missing there. A get by another thread of the parent that came between the
// daemon's copy and fork() would be: so gets, and copies of Objects, do not end while the gate is shut. It is Dekker's
// pattern once more: the thread counts its reference, then looks at the gate; who forks shuts the gate, then has the
// table copied; all sequentially consistent. Either the reference is in the copy, or the thread waits here, and the
// Object that it is going to return does not exist yet in the memory that the child inherits. A release is not held
// back: a reference that goes between copy and fork() stays counted in the child's table for as long as that process
// lives, as does one that was being taken when the gate shut. Of those a thread has a few at most.
// Nobody waits for ever (other libraries' handlers may wait for what this thread has locked): who gives up, or is
// the thread that forks itself, goes on and leaves a mark, by which the child knows that its table is not complete
// and does not use it. The mark is written before the Object is: fork() shows the child no later write of a thread
// without its earlier ones.

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>

#include <dolium/object.h>

#include "shm/os/fork_mark.h"
#include "shm/os/segment.h"
#include "shm/table/holder.h"

namespace dolium::detail {

/// Told when a reference was dropped that somebody waits for. Must be callable from any thread, and after the
/// store is gone.
class ReleaseListener {
 public:
  virtual ~ReleaseListener() = default;
  virtual void released() noexcept = 0;
};

class Attachment {
 public:
  struct Parts {
    shm::Mapping index;
    shm::Mapping arena;                          // read-only: what get() shows
    std::optional<shm::Mapping> writable_arena;  // what create() shows; none for a client that only reads
    shm::Mapping pin_table;
    std::unique_ptr<ReleaseListener> on_release;
  };

  /// The first reference is the caller's.
  [[nodiscard]] static Result<Attachment*> create(Parts parts);
  Attachment(const Attachment&) = delete;
  Attachment& operator=(const Attachment&) = delete;

  void add_ref() noexcept { uses_.fetch_add(1, std::memory_order_relaxed); }
  void drop_ref() noexcept {
    // In a forked child it is left alone: there the pin table's addresses may by now be somebody else's.
    if (uses_.fetch_sub(1, std::memory_order_acq_rel) == 1 && !inherited()) delete this;
  }

  /// True in a child that came from fork() since this was made.
  [[nodiscard]] bool inherited() const noexcept { return mark_.is_child(); }

  /// The error of a call then.
  [[nodiscard]] Error inherited_by_fork() const;
  /// Whether the store behind it takes no calls (any more): inherited(), or close() was called. No system call.
  [[nodiscard]] bool refuses() const noexcept { return closed_.load(std::memory_order_relaxed) || inherited(); }
  void close() noexcept { closed_.store(true, std::memory_order_relaxed); }
  /// Why this process did not take over, if it could have. For people.
  void set_inherited_because(std::string reason) noexcept { inherited_because_ = std::move(reason); }
  /// How many times it was taken over by a child. What was made for another generation is that process's.
  [[nodiscard]] std::uint32_t generation() const noexcept { return generation_; }

  enum class Count : std::uint8_t {
    hit,      ///< a get: counts as a hit and refreshes the object
    nothing,  ///< a reference that is not the user's get: a writer's own, a grant's
  };
  enum class Verdict : std::uint8_t { held, absent, undecided, gone };
  struct Attempt {
    Verdict verdict;
    Object object;
  };
  /// Whether the store is gone, or the session is: nothing is got any more, what is held stays. A look at one word.
  [[nodiscard]] bool gone() const noexcept { return owner_.load(std::memory_order_acquire)->gone(); }
  [[nodiscard]] bool gone_for_good() const noexcept { return owner_.load(std::memory_order_acquire)->gone_for_good(); }
  /// The store itself ended by an orderly stop.
  [[nodiscard]] bool store_ended() const noexcept { return holder_.index().owner().ended(); }
  /// The session is over, whatever becomes of the store.
  void cut_off() noexcept { owner_.store(&kCutOff, std::memory_order_release); }
  /// A get without the daemon: `gone` when the store had gone by the time the object was found, or not found. So what
  /// is returned was there in a store that had not ended. Precondition: !inherited().
  [[nodiscard]] Attempt hold(const ObjectId& id, Count count) noexcept;
  /// For an object that the daemon keeps for us until we have taken this reference.
  [[nodiscard]] Attempt hold_kept(const ObjectId& id, Count count) noexcept;
  /// For an object that was held without counting, and turns out to be the user's get.
  void record_hit(const Object& object) noexcept;
  [[nodiscard]] std::uint64_t arena_bytes() const noexcept { return holder_.index().arena_bytes(); }
  /// How many servers have followed the first, as far as the index says; their clients find out later. No system call.
  [[nodiscard]] std::uint32_t successions() const noexcept { return holder_.index().successions(); }
  void record_miss() noexcept { holder_.table().record_miss(); }
  /// Below kLeaseWords.
  [[nodiscard]] shm::LeaseWord& lease_word(std::uint32_t number) const noexcept {
    return holder_.table().lease_word(number);
  }
  /// Whether a get would find it; nothing when only the daemon can tell. True or false holds only if the store is not
  /// gone() afterwards.
  [[nodiscard]] std::optional<bool> exists(const ObjectId& id) const noexcept;
  /// Says that all references promised by grants up to this number have been taken.
  void set_granted_through(std::uint64_t number) noexcept {
    if (holder_.take_up_grants(number)) parts_.on_release->released();
  }

  void hold_again(std::uint32_t slot) noexcept;
  void release(std::uint32_t slot) noexcept;

  // ---- around fork(); by the thread that forks ----

  /// add_ref(), unless the last reference is gone already.
  [[nodiscard]] bool keep() noexcept;
  /// Shuts the gate; opens it.
  void hold_back() noexcept;
  void let_go_on() noexcept { forker_.store(std::thread::id(), std::memory_order_seq_cst); }
  /// Somebody did not wait at the gate.
  [[nodiscard]] bool was_overtaken() const noexcept { return overtaken_.load(std::memory_order_seq_cst); }
  [[nodiscard]] std::uint64_t pin_table_bytes() const noexcept { return holder_.table().geometry().total_bytes; }
  /// In the child: goes on with this table, which counts every reference that was inherited.
  [[nodiscard]] Result<void> take_over(shm::Mapping pin_table);

  [[nodiscard]] bool can_write() const noexcept { return parts_.writable_arena.has_value(); }
  /// Precondition: can_write(). Empty when the range is outside the arena: the daemon lied.
  [[nodiscard]] std::span<std::byte> writable_bytes(std::uint64_t offset, std::uint64_t size) const noexcept;

 private:
  Attachment(Parts parts, shm::ForkMark mark, const shm::IndexReader& index) noexcept;
  ~Attachment() = default;
  [[nodiscard]] Attempt adopt(const ObjectId& id, const shm::Holder::Attempt& attempt, Count count) noexcept;
  [[nodiscard]] Object view(const ObjectId& id, const shm::Held& held) noexcept;
  /// Between counting a reference and handing it out.
  void pass_gate() noexcept {
    if (forker_.load(std::memory_order_seq_cst) != std::thread::id()) wait_at_gate();
  }
  void wait_at_gate() noexcept;
  void take_back(const shm::Holder::Attempt& attempt) noexcept;

  static constexpr shm::OwnerWord kCutOff{shm::OwnerWord::kEnded};

  std::atomic<std::uint64_t> uses_{1};
  Parts parts_;
  shm::ForkMark mark_;
  shm::Holder holder_;
  std::atomic<const shm::OwnerWord*> owner_;  // the index's, or kCutOff
  std::atomic<std::thread::id> forker_{};     // of the thread that shut the gate; none: it is open
  std::atomic<bool> overtaken_ = false;
  std::atomic<bool> closed_ = false;
  std::uint32_t generation_ = 0;  // changes in a forked child's only thread
  std::string inherited_because_;
};

/// The owner's reference. A resource: moves.
struct DropAttachment {
  void operator()(Attachment* attachment) const noexcept { attachment->drop_ref(); }
};
using AttachmentRef = std::unique_ptr<Attachment, DropAttachment>;

}  // namespace dolium::detail
